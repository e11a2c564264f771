"""Every claim of the README is one command here: ``lightloop bench NAME``.

Figures are ratios against a baseline measured in the same run; nothing here asserts a time.
"""
