# Reading PVH images and start info, for images and hosted programs; and the boot sector of a Bochs
# disk, which bench/bochs_image.c puts in front of the images.
PLAIN_SRCS += l1vmm/boot/acpi.c l1vmm/boot/multiboot.c l1vmm/boot/pvh_elf.c l1vmm/boot/start_info.c
IMAGES += $(B)/images/bochs-mbr.bin

# The BIOS loads the sector to 0x7c00.
$(B)/images/bochs-mbr.bin: $(B)/image/l1vmm/boot/bochs/mbr.o
	@mkdir -p $(@D)
	$(IMAGE_LD) $(IMAGE_LDFLAGS) --oformat=binary -Ttext=0x7c00 -o $@ $<
