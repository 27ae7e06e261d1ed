"""Plain umqtt.simple, as it is meant to be used: QoS 1 publishes one after the other; prints how many in how long.

usage: umqtt_publisher.py PORT SECONDS BYTES
"""

import sys
import time

from umqtt.simple import MQTTClient

client = MQTTClient(b"plain", "127.0.0.1", int(sys.argv[1]), keepalive=60)
client.connect(False)
payload = bytes(int(sys.argv[3]))
began_ms = time.ticks_ms()
count = 0
while time.ticks_diff(time.ticks_ms(), began_ms) < int(sys.argv[2]) * 1_000:
    client.publish(b"plain/journal", payload, qos=1)
    count += 1
print(count, time.ticks_diff(time.ticks_ms(), began_ms))
client.disconnect()
