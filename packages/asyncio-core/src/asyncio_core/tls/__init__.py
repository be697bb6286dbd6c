"""TLS between a transport and a protocol.

Read `protocol`: a connection's life, from handshake to close_notify.

    protocol    the protocol of the transport below
    transport   what the application's protocol is shown
    state       what TLS says at which moment: the machine around ``ssl.SSLObject``
    flow        how much is held on the way
    upgrade     TLS put into a connection that is up
    part        the loop's start_tls(), and what makes connections that begin with TLS
"""
