# The ring, its packets and the names of exits are linked into the images and into hosted programs
# alike; writing metadata and reading streams back is hosted only.
TELEMETRY_IMAGE_SRCS := telemetry/ring.c telemetry/packet.c telemetry/fee.c
PLAIN_SRCS += $(TELEMETRY_IMAGE_SRCS)
HOST_LIB_SRCS += telemetry/ctf_metadata.c telemetry/reader.c
