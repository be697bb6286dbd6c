#!/bin/sh
# Linux: a connection that is made by a SYN cookie may lose its first byte, and the other end reads what came behind it.
#
# Seen (6.18.44): more clients come at once than the backlog of the listening socket holds. Those beyond it are told that they are
# connected, by SYN cookies (tcp_syncookies is 1, as it is by default: where more come than can be queued), and the server knows nothing of them
# as long as its queue is full: what they send is dropped, to be sent again later. When there is room, the connection is made from the next
# packet that comes. That one is taken for the first, and where it is not, but the first was of one byte, the cookie is
# taken for a good one: it tells so little of the sequence number that being off by one means another size of segments. The byte is
# lost, for both sides without an error. Where the first packet was longer the connection is reset.
#
# With a backlog that holds all who come at once there are no cookies.
#
# Runs without this project and without packages, on PYTHON (python3 where nothing is said), in a network namespace of its own, where
# packets take two milliseconds and there are cookies for all. Exits 0 while it is so.
set -eu
python=${PYTHON:-python3}
unshare --map-root-user --net "$python" - << 'PROGRAM'
import fcntl
import os
import socket
import struct
import subprocess
import sys
import threading
import time

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 1, 0x1000
HERE, MIRROR = "10.0.0.1", "10.0.0.2"


def mirror():
    """Give back all that is sent to MIRROR, a little later, as if it came from there."""
    while True:
        packet = bytearray(os.read(tunnel, 4096))
        if packet[0] >> 4 == 4:
            time.sleep(0.002)
            packet[12:16], packet[16:20] = packet[16:20], packet[12:16]
            os.write(tunnel, packet)


def accept_all(listener):
    accepted = []
    while True:
        try:
            accepted.append(listener.accept()[0])
        except OSError:
            return accepted


tunnel = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tunnel, TUNSETIFF, struct.pack("16sH", b"mirror", IFF_TUN | IFF_NO_PI))
for line in "ip link set lo up", f"ip addr add {HERE}/24 dev mirror", "ip link set mirror up":
    subprocess.run(line.split(), check=True)
with open("/proc/sys/net/ipv4/tcp_syncookies", "w") as file:
    file.write("2")
threading.Thread(target=mirror, daemon=True).start()

listener = socket.create_server((HERE, 0), backlog=1)
listener.settimeout(0.02)
clients = [socket.socket() for _ in range(6)]
for client in clients:
    client.setblocking(False)
    client.connect_ex((MIRROR, listener.getsockname()[1]))
time.sleep(0.5)
for client in clients:
    client.send(b"G")
time.sleep(0.03)
accepted = accept_all(listener)
for client in clients:
    client.send(b"ET")
time.sleep(0.3)
accepted += accept_all(listener)
received = []
for connection in accepted:
    connection.settimeout(1)
    received.append(connection.recv(16))
print("sent: G, ET; received:", *received)
sys.exit(b"ET" not in received)
PROGRAM
