libsolovirt_a_SOURCES += \
	daemon/store.c \
	daemon/store_address.c \
	daemon/store_backup.c \
	daemon/store_commit.c \
	daemon/store_db.c \
	daemon/store_disk.c \
	daemon/store_log.c \
	daemon/store_object.c \
	daemon/store_op.c \
	daemon/store_open.c \
	daemon/store_record.c \
	daemon/store_renew.c \
	daemon/store_schema.c \
	daemon/store_watch.c
libsolovirt_a_SOURCES += daemon/store.h daemon/store_db.h daemon/store_private.h
libsolovirt_a_SOURCES += \
	daemon/access.c daemon/access.h \
	daemon/http.c daemon/http.h daemon/http_internal.h \
	daemon/instancetypes.c daemon/instancetypes.h \
	daemon/http_request.c \
	daemon/http_stream.c \
	daemon/http_upload.c daemon/chunked.c daemon/chunked.h \
	daemon/multipart.c daemon/multipart.h \
	daemon/redact.c daemon/redact.h \
	daemon/rest.c daemon/rest.h daemon/rest_internal.h \
	daemon/rest_body.c \
	daemon/rest_discovery.c \
	daemon/rest_expand.c \
	daemon/rest_object.c \
	daemon/rest_scale.c \
	daemon/rest_spool.c \
	daemon/rest_status.c \
	daemon/rest_stream.c \
	daemon/rest_table.c \
	daemon/rest_upload.c \
	daemon/rest_verb.c \
	daemon/rest_watch.c \
	daemon/selector.c daemon/selector.h \
	daemon/websocket.c daemon/websocket.h
libsolovirt_a_SOURCES += \
	daemon/spool.c daemon/spool.h daemon/spool_private.h \
	daemon/spool_apply.c \
	daemon/spool_plan.c daemon/spool_plan.h \
	daemon/spool_read.c \
	daemon/spool_scan.c daemon/spool_scan.h \
	daemon/spool_status.c \
	daemon/spool_watch.c daemon/spool_watch.h
libsolovirt_a_SOURCES += \
	daemon/addresses.c daemon/addresses.h daemon/networks.c daemon/networks.h daemon/subnets.c daemon/subnets.h daemon/subnet_service.c daemon/conflicts.c daemon/conflicts.h daemon/guards.c daemon/guards_sync.c daemon/guards.h daemon/verb_trace.c daemon/verb_trace.h \
	daemon/calls.c daemon/calls.h \
	daemon/cluster.c daemon/cluster.h \
	daemon/devices.c daemon/devices.h \
	daemon/daemon.h \
	daemon/local_place.c daemon/local_place.h \
	daemon/volume.c daemon/volume.h \
	daemon/events.c \
	daemon/host.c daemon/host.h \
	daemon/images.c daemon/images.h \
	daemon/import.c daemon/import.h \
	daemon/import_pace.c daemon/import_pace.h \
	daemon/job.c daemon/job.h \
	daemon/objects.c daemon/objects.h \
	daemon/queue.c daemon/queue.h \
	daemon/steady.c \
	daemon/upload.c daemon/upload.h \
	daemon/verb_memory_dump.c daemon/verb_memory_dump.h \
	daemon/verb_options.c \
	daemon/verb_volumes.c daemon/verb_volumes.h \
	daemon/verbs.c daemon/verbs.h \
	daemon/controllers/adopt.c daemon/controllers/adopt.h \
	daemon/controllers/agent_commands.c daemon/controllers/agent_commands.h \
	daemon/controllers/claim.c daemon/controllers/claim.h \
	daemon/controllers/claim_copy.c \
	daemon/controllers/claim_flatten.c \
	daemon/controllers/claim_source.c \
	daemon/controllers/claim_usage.c \
	daemon/controllers/datavolume.h \
	daemon/controllers/fill.c \
	daemon/controllers/image_cache.c \
	daemon/controllers/vmi_agent.c \
	daemon/controllers/vmi_ceph.c daemon/controllers/vmi_ceph.h \
	daemon/controllers/vmi_clean.c \
	daemon/controllers/vmi_files.c daemon/controllers/vmi_files.h \
	daemon/controllers/trash.c daemon/controllers/trash.h \
	daemon/controllers/controllers.c daemon/controllers/controllers.h \
	daemon/controllers/credentials.c daemon/controllers/credentials.h \
	daemon/controllers/data_import.c daemon/controllers/data_import.h \
	daemon/controllers/data_import_cron.c \
	daemon/controllers/data_source.c \
	daemon/controllers/datavolume.c \
	daemon/controllers/grants.c daemon/controllers/grants.h \
	daemon/controllers/source.c daemon/controllers/source.h \
	daemon/controllers/source_probe.c daemon/controllers/source_probe.h \
	daemon/controllers/storage_profile.c daemon/controllers/storage_profile.h \
	daemon/controllers/volume_snapshot.c \
	daemon/controllers/migration.c \
	daemon/controllers/node.c \
	daemon/controllers/persistent_volume.c \
	daemon/controllers/provider_network.c \
	daemon/controllers/address_counts.c daemon/controllers/address_counts.h daemon/controllers/ip_pool.c daemon/controllers/subnet.c \
	daemon/controllers/pool.c \
	daemon/controllers/probe.c daemon/controllers/probe.h \
	daemon/controllers/probe_plan.c daemon/controllers/probe_plan.h \
	daemon/controllers/probe_try.c \
	daemon/controllers/progress.c \
	daemon/controllers/promises.c daemon/controllers/promises.h \
	daemon/controllers/replicas.c daemon/controllers/replicas.h \
	daemon/controllers/replicaset.c \
	daemon/controllers/vm.c \
	daemon/controllers/vm_plan.c daemon/controllers/vm_plan.h \
	daemon/controllers/vmi.c daemon/controllers/vmi.h \
	daemon/controllers/memory_dump.c daemon/controllers/memory_dump.h \
	daemon/controllers/vmi_live.c daemon/controllers/vmi_live.h \
	daemon/controllers/vmi_log.c \
	daemon/controllers/vmi_media.c daemon/controllers/vmi_media.h daemon/controllers/vmi_network.c \
	daemon/controllers/vmi_report.c \
	daemon/controllers/vmi_start.c \
	daemon/controllers/vmi_status.c
