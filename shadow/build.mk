# The page-table walker and the instruction emulator: plain C, for the images and for hosted tests.
SHADOW_SRCS := \
	shadow/walk.c \
	shadow/mmu_batch.c \
	shadow/mmu_fault.c \
	shadow/mmu_pool.c \
	shadow/mmu_role.c \
	shadow/mmu_root.c \
	shadow/mmu_slot.c \
	shadow/mmu_sync.c \
	shadow/tlb_model.c \
	shadow/tlb_observatory.c \
	shadow/tlb_view.c \
	shadow/insn_alu.c \
	shadow/insn_decode.c \
	shadow/insn_execute.c \
	shadow/insn_opcodes.c \
	shadow/insn_operand.c
PLAIN_SRCS += $(SHADOW_SRCS)

# The instruction tests compare with Zydis.
UNIT_LIBS += -lZydis
