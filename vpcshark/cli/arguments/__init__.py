"""What each command takes, as a parser says it: so that help, completion and the man page need not load what it does.

``vpcshark/cli/commands.py`` lists the commands. Must import tables alone, such as that of the options.
"""
