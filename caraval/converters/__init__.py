"""File formats, one file or folder each: readers and writers of lattices and beams."""
