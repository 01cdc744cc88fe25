/*
 * The ports that exist beneath every image here, on bare Bochs and under every hypervisor:
 * docs/architecture.md, "Ports that every image may use".
 */
#ifndef L1VMM_ARCH_PORTS_H
#define L1VMM_ARCH_PORTS_H

#define PORT_CONSOLE  0xe9   /* bytes of text */
#define PORT_STATUS   0xf4   /* one byte: status of the image that is about to end */
#define PORT_SHUTDOWN 0x8900 /* the string SHUTDOWN_TEXT ends the machine */

#define SHUTDOWN_TEXT "Shutdown"

#endif
