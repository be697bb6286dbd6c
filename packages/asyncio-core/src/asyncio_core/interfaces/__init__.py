"""What loops, transports and protocols promise each other (PEP 3156): abstract classes, no behaviour.

loop, server  the abstract loop and the abstract server
loop_types    the names that annotations share
transports    what moves bytes
protocols     what is told of them
"""
