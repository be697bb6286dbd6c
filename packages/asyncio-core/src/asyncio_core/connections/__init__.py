"""From an address to a transport: connecting, accepting, serving, datagrams, pipes, files, children.

The way of a read event, once a connection is up: the loop's poller calls the transport, which receives and
calls ``data_received()`` of its protocol; for streams that fills a reader's buffer and completes the future
that a task waits for. What is in this room runs once for each connection; what runs for each event is
in the loops' own distributions.

    hooks                           what a loop fills in to move bytes
    addresses, socket_options       what both ends need
    connecting                      create_connection()
    serving, accepted               create_server(), and what becomes of an accepted socket
    datagrams, datagram_addresses, datagram_lookups
                                    create_datagram_endpoint(), and names as addresses
    pipes, subprocesses             connect_read_pipe(), subprocess_exec() and their kin
    file_sending                    sendfile()
    ownership, failures             the beginning and the end of a transport
    socket_files, trsock            files of Unix sockets; the socket that users are shown
"""
