"""Result files of harnesses: a module offers `fits(row)` and `read(row, place)`; bad rows raise InputError."""
