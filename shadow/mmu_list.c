#include "shadow/mmu_internal.h"

void mmu_list_insert(struct mmu_link *links, uint32_t *head, uint32_t i)
{
	uint32_t first = *head;

	links[i].next = first;
	links[i].previous = i;
	if (first != MMU_NONE) {
		links[i].previous = links[first].previous;
		links[first].previous = i;
	}
	*head = i;
}

void mmu_list_remove(struct mmu_link *links, uint32_t *head, uint32_t i)
{
	uint32_t next = links[i].next, previous = links[i].previous;

	if (i == *head)
		*head = next;
	else
		links[previous].next = next;
	if (next != MMU_NONE)
		links[next].previous = previous;
	else if (*head != MMU_NONE)
		links[*head].previous = previous;
}
