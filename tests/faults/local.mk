# The worker that fails, and who orders its faults.
check_PROGRAMS += tests/faults/faulty_worker
tests_faults_faulty_worker_SOURCES = tests/faults/faulty_worker.c
tests_faults_faulty_worker_LDADD = libsolovirt.a $(BASE_LIBS) $(EVENT_LIBS)
EXTRA_DIST += tests/faults/faults.py
