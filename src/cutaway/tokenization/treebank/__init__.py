"""Words as the Penn Treebank counts them: the rules one by one, and the same compiled."""
