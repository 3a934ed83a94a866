# Domain XML is pure and in the library; what calls libvirt is only in the worker.
libsolovirt_a_SOURCES += \
	src/virt/disk_modes.c \
	src/virt/disk_modes.h \
	src/virt/domain_build.h \
	src/virt/domain_cpu.c \
	src/virt/domain_devices.c \
	src/virt/domain_disks.c \
	src/virt/domain_features.c \
	src/virt/domain_hostdevs.c \
	src/virt/domain_interfaces.c \
	src/virt/domain_memory.c \
	src/virt/domain_os.c \
	src/virt/domain_preview.c \
	src/virt/domain_preview.h \
	src/virt/domain_xml.c \
	src/virt/domain_xml.h \
	src/virt/host_verbs.h \
	src/virt/inventory.c \
	src/virt/inventory.h \
	src/virt/kvm_probe.c \
	src/virt/kvm_probe.h \
	src/virt/loaders.c \
	src/virt/loaders.h \
	src/virt/xml_build.c \
	src/virt/xml_build.h

solovirt_domxml_SOURCES = src/virt/domxml_main.c

solovirt_host_SOURCES = \
	src/virt/host.c \
	src/virt/host.h \
	src/virt/host_agent.c \
	src/virt/host_bridge.c \
	src/virt/host_child.c \
	src/virt/host_clone.c \
	src/virt/host_console.c \
	src/virt/host_copy.c \
	src/virt/host_cpus.c \
	src/virt/host_devices.c \
	src/virt/host_dhcp.c \
	src/virt/host_dnsmasq.c \
	src/virt/host_domain.c \
	src/virt/host_dump.c \
	src/virt/host_events.c \
	src/virt/host_fit.c \
	src/virt/host_folder.c \
	src/virt/host_guard.c \
	src/virt/host_guard.h \
	src/virt/host_guard_watch.c \
	src/virt/host_hotplug.c \
	src/virt/host_info.c \
	src/virt/host_log.c \
	src/virt/host_main.c \
	src/virt/host_network.c \
	src/virt/host_ovs.c \
	src/virt/host_rates.c \
	src/virt/host_ovsdb.c \
	src/virt/host_ovs_place.c \
	src/virt/host_ovs_place.h \
	src/virt/host_ovs.h \
	src/virt/host_rates.h \
	src/virt/host_ovsdb.h \
	src/virt/host_ovs_socket.c \
	src/virt/host_probe.c \
	src/virt/host_probe.h \
	src/virt/host_secret.c \
	src/virt/host_serve.c \
	src/virt/host_start.c \
	src/virt/host_subnet.c \
	src/virt/host_subnet.h \
	src/virt/host_subnet_entries.c src/virt/host_subnet_memory.c \
	src/virt/host_subnet_server.c \
	src/virt/host_suits.c \
	src/virt/host_volume.c \
	src/virt/host_vswitch.c \
	src/virt/host_xml.c
