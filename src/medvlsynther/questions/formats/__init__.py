"""One module a file format: `SUFFIXES` of the files that hold its rows, and `entry(row, found)`, which reads one row.

Where file names do not tell the split, a module also offers `in_split(row, split)`.
"""
