/*
 * What the daemon may ask of solovirt-host, the worker that holds the libvirt connections of one host.
 * Arguments and results are JSON objects; every verb can be repeated without harm.
 *
 *  verb               args -> result
 *  host-info          {} -> {"hostname","uuid","architecture","cpus","memoryBytes","libvirtVersion","qemuVersion","kernelVersion",
 *                            "osImage","addresses":[],"processors":[{"id","node","core"}]}  (processors: those online; core: the number of
 *                            its first thread; kernelVersion, osImage, addresses: local hosts only;
 *                            first the address that this host speaks to the world with)
 *  kvm-probe          {} -> {"usable":bool,"reason":"..."}   runs guest code against the clock; of a remote host: whether its libvirt offers KVM
 *  domain-list        {} -> {"domains":[DOMAIN]}   those with our metadata
 *  domain-start       {"xml","name","uid","paused":bool,"guards"?:[GUARD],"probes"?:[PROBE]} -> DOMAIN with "machine", its type as libvirt has it, and "user", that QEMU runs as   defines and starts; a running one with the same uid is
 *                     left alone (and answered); a stopped one of ours is defined anew; a running one of another uid, or one
 *                     that is not ours: EEXIST; one of the same store and a higher epoch: ESTALE.  When it cannot start it is undefined again.  A card whose network
 *                     is not there: ENOENT, is not of the card's kind: EINVAL, does not run: ENETDOWN; no function of the host's card is free: EAGAIN.
 *                     GUARD: {"mac","flows":[FLOW],"rates"?:{"to"?,"toBurst"?,"from"?,"fromBurst"?},"mirror"?:bool}   kbit/s and kbit, to the guest
 *                     and from it; its flows name the meter {port}.  mirror: the bridge's device mr-NAME gets copies of what the port gets and sends.
 *                     With guards it is started paused and goes on, unless it is to be paused, when the flows of its ports in Open vSwitch are
 *                     in; ENOENT when one has no port there; a start that was broken off in between is gone on with.  With probes it goes on
 *                     when nobody has answered for these addresses ("asked": all could be asked for), else it is undefined again, and the
 *                     answer is {"conflicts"} as that of address-probe
 *  All below that take a uid: a domain of another uid is refused with ESTALE, one that is not ours with EACCES.
 *  domain-shutdown    {"name","uid"} -> {}          asks the guest (agent or ACPI); ENOENT when there is no such domain; {} when it does not run
 *  domain-destroy     {"name","uid"} -> DOMAIN      no error when it is not running; {} when it is gone
 *  domain-remove      {"name","uid"} -> {}          undefines a stopped one with its NVRAM, unless that is to be kept (HOST_NVRAM_KEPT), and its TPM's
 *                     state, unless that is persistent; no error when gone, also when one that is not
 *                     ours has the name now; EBUSY when running
 *  domain-forget      {"name","uuid"} -> {}         removes what was kept for a machine: UEFI variables, its TPM's state; no error when there is none;
 *                     EBUSY while there is a domain of this name
 *  domain-suspend, domain-resume, domain-reset, domain-reboot   {"name","uid"} -> {}
 *  domain-update      {"name","uid","xml","vcpus","memory","disks":[NAME],"interfaces":[{"name","up":bool}],"guards"?:[GUARD],
 *                     "unguarded"?} -> {"vcpus",
 *                     "memory":{"boot","requested","current"},"disks":[{"name","target","source"}],"interfaces":[{"name","up"}],
 *                     "problems":[{"what","why"}]}   changes what differs while the guest runs and tells what there is then; bytes.  xml:
 *                     domain_live_xml_format(); disks, interfaces: all that it is to have; ENOENT when it does not run.  What the
 *                     guest has yet to let go of is still told.  A card comes up after its GUARD is in; unguarded: why none is known, and no
 *                     card comes up then
 *  domain-dump        {"name","uid","path","id"} -> {"state":"running"|"done","processed","total"}   begins to write the guest's memory
 *                     into the file (as an ELF core) and tells of it, for an id that was given before only that; bytes; the error that
 *                     ended it; EBUSY while another one is written, of this domain or of many
 *  domain-disk-resize {"name","uid","target","capacity"} -> {"capacity","allocation"}   makes a disk larger while the guest runs; bytes; a
 *                     smaller capacity changes nothing.  ENOENT when it does not run
 *  secret-ensure      {"uuid","usage","value","volume"?:false} -> {}   a key in base64 that libvirt holds until it ends, for disks in Ceph; volume: a
 *                     passphrase of theirs
 *  domain-xml         {"name","uid"} -> {"xml"}
 *  cpus-share         {"cpus":"0-3"} -> {}          keeps every running domain of ours that has no processors for itself on these; "" is all
 *  domain-addresses   {"name","uid"} -> {"interfaces":[{"name","mac","ips":[]}]}   from the guest agent; ENOTCONN without one
 *  domain-guest-info  {"name","uid"} -> {"os":{...},"interfaces":[],"commands":[]}   (interfaces as domain-addresses; commands: names of those
 *                     that it obeys; either is left out when not told) from the guest agent; members of KubeVirt's VirtualMachineInstanceGuestOSInfo
 *  domain-agent-ping  {"name","uid"} -> {}          the guest agent answers, within 5 s as with all that asks it; ENOTCONN without one
 *  domain-agent-exec  {"name","uid","command":[]} -> {"pid"}   begins a program in the guest
 *  domain-agent-exec-result {"name","uid","pid"} -> {"exited":bool,"exitCode"}   exitCode -1: a signal ended it
 *  domain-keys-set    {"name","uid","user","keys":[]} -> {}   replaces the SSH keys that let a user of the guest in
 *  domain-password-set {"name","uid","user","password"} -> {}   of a user of the guest
 *  device-list        {"permitted":{...}} -> {"devices":[{"resource","bus":"pci"|"mdev"|"usb","address","group","node"}],"problems":["..."]}
 *                     what permittedHostDevices of the configuration chooses of the host's devices (inventory.h); group: of the IOMMU, when it
 *                     has one; node: memory node, when it is near to one; problems: a sentence for each that cannot be handed out
 *  pool-ensure        {"pool","path","refresh":bool} -> {"mended":"..."}   defines and starts it; looks at its volumes anew unless told
 *                     not to; mended, here and below: one sentence, when something did not run that has to
 *  volume-*, snapshot-*   storage/volume_verbs.h, with WHERE {"pool"}; beyond it:
 *  volume-create      ... "backing":PATH,"backingFormat"?:"raw" instead of a capacity: a qcow2 of the size of that volume, that lies over it
 *  volume-upload      {"pool","volume","format":"raw"} + descriptor of a regular file -> VOLUME   replaces what is there
 *  folder-fill        {"pool","folder","files":[{"path","mode","data"}]} -> {"path"}   a directory that has these files afterwards and
 *                     nothing else, data in base64; guests may read it only, where its file system knows immutable files.  Local
 *                     hosts, else EOPNOTSUPP
 *  folder-remove      {"pool","folder"} -> {}       no error when gone
 *  network-ensure     {"network","bridge","cidr"} -> {"mended":"..."}   a NAT network whose DHCP serves only the hosts it is told; where
 *                     libvirt is local also its DHCP server, and guests that a stop of the network cut off
 *  network-list       {} -> {"networks":{NAME:bool}}   all of libvirt's, and whether they run
 *  network-host-list  {"network"} -> {"hosts":[{"mac","ip","name"}]}
 *  network-host-set   {"network","mac","ip","name"} -> {}   replaces entries with the same mac or ip; a name that the
 *                     DHCP server would not take is left out (on remote hosts, where libvirt keeps the entries, also one
 *                     that another entry has)
 *  network-host-remove {"network","mac","ip"} -> {}   the entry that has both
 *  bridge-ensure      {"bridge","interface"?,"vlans":[100]} -> {"datapath":"system"|"netdev","ready":bool,"mtu","mended"?,"why"?}   the bridge of a
 *                     provider network in Open vSwitch, in user space where the kernel has no datapath, and its way out: a port with these
 *                     VLANs and untagged frames.  One that others made is used and never changed: EACCES when interface is no port of it.
 *                     An interface is refused that is not there (ENOENT), leads nowhere (EINVAL), belongs to something else or has
 *                     addresses (EBUSY); a bridge by whose name there is another interface with EEXIST.  why: a sentence, when it is not ready
 *  bridge-remove      {"bridge"} -> {}              gives its interface back; no error when it is gone or was made by others; EBUSY while anything
 *                     else is plugged in.  These two, and all else that needs Open vSwitch: ENOENT when it is not installed, ENOTCONN when it
 *                     does not run or does not answer, ETIMEDOUT when it does not follow; on remote hosts EOPNOTSUPP unless the worker was told
 *                     where it is (host_ovs_place.h).  There an interface is refused with EACCES that may not become a port, and bridges of ours
 *                     listen for us; those of others have to when guests on them are guarded (ENOTCONN)
 *  subnet-serve       {"subnet","bridge","vlan","mtu"?,"address":"10.6.0.2/24"?,"address6"?,"gateway"?,"leaseSeconds","leaseSeconds6"?,
 *                     "options"?:[[NAME,VALUE]],"dhcp"?:bool (true),"ra"?:bool,"raMode"?:"stateful"|"stateless"|"slaac","raInterval"?:30 (seconds),
 *                     "raMtu"?,"domain"?,"hosts"?:[HOST]} -> {"mended"}   a port of the bridge in that VLAN with the addresses, of which one is needed, and a
 *                     DHCP server (dnsmasq) on it that outlives us; it has exactly these hosts then.  NAME: dnsmasq's name of an option or
 *                     its number, option6:NAME for DHCPv6; what it does not take: EINVAL, and one that runs is left alone.  Strangers get no
 *                     answer.  Guests are told of no DNS server unless an option says so; names of hosts resolve at address, with and
 *                     without domain, all others only when dns-server names address: then as this host does.  ra: announces the prefix and
 *                     whether addresses come by DHCPv6 (raMode); never a router.  dhcp false: no addresses are given, ra is needed then.
 *                     ENOENT: no such bridge.  All of subnets: local hosts only, else EOPNOTSUPP
 *  subnet-unserve     {"subnet"} -> {}              all of it is gone
 *  subnet-host-set    {"subnet"} + HOST -> {}       replaces entries with the same mac, ip or ip6; ENOENT when it is not served
 *  subnet-host-remove {"subnet","mac"} -> {}        no error when there is none
 *  address-probe      {"probes":[PROBE]} -> {"conflicts":[{"subnet","ip","mac"}],"asked":bool}   asks on the wire who has these addresses,
 *                     within half a second: mac has answered, which is not that of the guest
 *  guards-sync        {"guards":[GUARD + {"name","uid"}]} -> {"mended"}   the ports of these, where they run, have exactly
 *                     these flows, rates and mirrors, and flows of ours (a cookie that begins with 0x5056) that belong to nobody are removed; those of guests who
 *                     run but are not listed stay: they were started since
 *  port-trace         {"name","uid","mac","packet":"ip,nw_dst=10.6.0.9"} -> {"forwarded":bool,"rule","text"}   what would become of a packet that
 *                     a guest sends, in fields of ovs-fields(7): the last flow that it meets, and all that ofproto/trace says; ENOENT without a port; local hosts
 *                     only, else EOPNOTSUPP
 *  console            {"name","uid"} + a stream socket -> {}   answers when open; then copies both ways until either ends; 64 at a time, else
 *                     EBUSY; takes the console from whoever has it
 *  log-read           {"path","limit"} -> {"text"}   last bytes of a console log below /var/log/libvirt; not UTF-8 is replaced
 *  log-remove         {"path"} -> {}
 *
 *  HOST "mac","ip"?,"ip6"?,"name"?: a guest's addresses, one is needed, and its name, e.g. "web.default"; one that is no name of DNS is left out.
 *         "own4"?,"own6"?:bool: it is not told the subnet's options of DHCPv4, of DHCPv6; "options"?: what it is told alone, by subnet-serve only; "leaseSeconds"?
 *  PROBE "subnet","mac","ip"?,"ip6"?: addresses of a guest, of a subnet that is served here
 *  FLOW as ovs-ofctl add-flow reads it, without a cookie, and with {port} for the number of the port
 *  DOMAIN {"name","uuid","uid","namespace","vmi","state","reason","id","epoch","uses":{"pool","claims":[{"name","path","capacity"}],
 *         "interfaces":[{"name","network","mac","ip"}],"cpus":[{"id","node"}],"devices":[{"name","bus","address"}]}}: uses as the metadata says it, all words; state and reason are libvirt's words in lower case:
 *         state running|blocked|paused|shutdown|shutoff|crashed|pmsuspended; reason e.g. booted|user|ioerror|destroyed|shutdown|crashed|failed
 *         (virDomainState and its reasons without their prefixes)
 *
 *  events: domain {DOMAIN, "event":"started"|"stopped"|"suspended"|"resumed"|"crashed"|"defined"|"redefined"|"undefined"|...}  after each
 *                 lifecycle event; redefined, and undefined of one that runs, are never our doing
 *          agent  {"name","uid","connected":bool}
 *          network, pool  {"name"}   it was stopped or undefined
 *          networks {}       a network was defined, undefined, started or stopped
 *          dhcp   {"name"}   the DHCP server of a network ended, where libvirt is local; network-ensure starts it
 *          vswitch {}   ovs-vswitchd has started, with empty flow tables: guards-sync fills them; on remote hosts also when it or its database
 *                 ceased to answer: what is asked for again says so
 *          subnet {"name"}   its DHCP server ended; subnet-serve starts it
 *          An answer with DOMAIN is never older than an event told before it.
 *  The worker ends when its connection is lost: the daemon starts another one, which lists everything again.
 */
#ifndef SOLOVIRT_VIRT_HOST_VERBS_H
#define SOLOVIRT_VIRT_HOST_VERBS_H

/* How the file of UEFI variables ends that outlives its domain: only domain-forget removes it. */
#define HOST_NVRAM_KEPT "_kept_VARS.fd"
#define HOST_NVRAM_FOLDER "/var/lib/libvirt/qemu/nvram/"

/* Bytes of a console log in one answer. */
enum { HOST_LOG_MOST = 1 << 20 };

/* Milliseconds that the daemon gives each kind of call; the worker is killed past it. */
enum {
	HOST_DEADLINE_QUERY = 20000,
	HOST_DEADLINE_ACTION = 60000,
	HOST_DEADLINE_START = 300000, /* a libvirtd that may not open /dev/kvm probes QEMU for two minutes first; a hung one is found by keep-alive */
};

#endif
