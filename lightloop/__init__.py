"""The command line: one command over all of lightloop.

main.py      the tree of commands; how a refusal is printed
output.py    tables for people, one JSON object for scripts
commands/    one module per command; heavy imports stay inside the functions
"""
