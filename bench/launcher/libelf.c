/*
 * What Debian 13's libelf.a refers to and does not have (elfutils 0.192 keeps it in a library that
 * is not packaged): how an ELF file's tree of raw chunks begins and ends.  Nobody here asks for a
 * raw chunk, so the tree stays as empty as libelf allocates it.  Where libelf.a has the functions
 * and uses the tree, these give way to them.
 */
void eu_search_tree_init(void *tree, int (*compare)(const void *, const void *));
void eu_search_tree_fini(void *tree, void (*free_node)(void *));

__attribute__((weak)) void eu_search_tree_init(void *tree,
					       int (*compare)(const void *, const void *))
{
	(void)tree;
	(void)compare;
}

__attribute__((weak)) void eu_search_tree_fini(void *tree, void (*free_node)(void *))
{
	(void)tree;
	(void)free_node;
}
