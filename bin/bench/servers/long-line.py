"""A long line between two addresses of this machine: packets that are sent to the far address come back to the near
one after a delay, as if the far one had sent them, so that both ends of each connection are on this machine. Some are lost.

Usage: long-line.py DEVICE DELAY_MS LOSS_PERCENT; it writes a line when it works, and ends with its standard input.
"""

import collections
import fcntl
import os
import random
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000

device, delay_ms, loss_percent = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
delay, loss = delay_ms / 1000, loss_percent / 100
chance = random.Random(1)
tunnel = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
fcntl.ioctl(tunnel, TUNSETIFF, struct.pack("16sH", device.encode(), IFF_TUN | IFF_NO_PI))
waiting = collections.deque()
print("ready", flush=True)

while True:
    now = time.monotonic()
    while waiting and waiting[0][0] <= now:
        try:
            os.write(tunnel, waiting.popleft()[1])
        except OSError:
            pass
    rest = max(0, waiting[0][0] - time.monotonic()) if waiting else None
    readable, _, _ = select.select([tunnel, sys.stdin], [], [], rest)
    if sys.stdin in readable and not os.read(sys.stdin.fileno(), 1):
        break
    if tunnel not in readable:
        continue
    due = time.monotonic() + delay
    for _ in range(64):
        try:
            packet = os.read(tunnel, 65536)
        except BlockingIOError:
            break
        if packet[0] >> 4 != 4 or chance.random() < loss:
            continue
        # exchanging the addresses keeps the checksums right: they are sums
        waiting.append((due, packet[:12] + packet[16:20] + packet[12:16] + packet[20:]))
