/* The KVM probe: it ends in time, says a sentence, and is not fooled by what is no KVM. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/virt/kvm_probe.h"

START_TEST(absent_device)
{
	struct error err = { 0 };

	ck_assert_int_eq(kvm_probe("/nonexistent/kvm", &err), -1);
	ck_assert_int_eq(err.code, ENOENT);
	ck_assert_str_eq(err.text, "no /dev/kvm");
}
END_TEST

START_TEST(device_that_is_no_kvm)
{
	struct error err = { 0 };

	ck_assert_int_eq(kvm_probe("/dev/null", &err), -1);
#if defined(__x86_64__)
	ck_assert_str_eq(err.text, "KVM cannot set up a virtual machine");
#endif
}
END_TEST

/* Whatever machine this is: an answer, in time, and no child left behind. */
START_TEST(this_machine)
{
	int64_t before = clock_monotonic_ms();
	struct error err = { 0 };
	bool usable = kvm_probe("/dev/kvm", &err) == 0;

	ck_assert_int_lt(clock_monotonic_ms() - before, 5000);
	ck_assert(usable == (err.text[0] == '\0'));
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
}
END_TEST

START_TEST(error_is_optional)
{
	ck_assert_int_eq(kvm_probe("/nonexistent/kvm", NULL), -1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("kvm_probe");
	TCase *tc = tcase_create("kvm_probe");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tc, 20);
	tcase_add_test(tc, absent_device);
	tcase_add_test(tc, device_that_is_no_kvm);
	tcase_add_test(tc, this_machine);
	tcase_add_test(tc, error_is_optional);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
