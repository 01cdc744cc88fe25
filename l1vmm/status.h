/* What the hypervisor writes to the status port when it ends: docs/architecture.md, "Ports". */
#ifndef L1VMM_STATUS_H
#define L1VMM_STATUS_H

enum run_status {
	STATUS_OK = 0,
	STATUS_GUEST_FAILURE = 1, /* the guest says that it failed */
	STATUS_GUEST_STOPPED = 2, /* the guest did what no guest may do */
	STATUS_PANIC = 3,	  /* the hypervisor is at fault */
	STATUS_REFUSED = 4,	  /* the command line or the machine will not do */
};

#endif
