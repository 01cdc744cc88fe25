"""Reads a Chrome trace as Perfetto does: spans of a track nest, or follow one another.

Prints a line for each track, "process track spans ticks", and fails where spans cross.
"""
import json
import sys
from collections import defaultdict

events = json.load(sys.stdin)["traceEvents"]
process, track = {}, {}
spans = defaultdict(list)
for event in events:
    key = event["pid"], event.get("tid")
    if event["ph"] == "M" and event["name"] == "process_name":
        process[event["pid"]] = event["args"]["name"]
    elif event["ph"] == "M" and event["name"] == "thread_name":
        if key in track:
            sys.exit(f"track {key} is named twice")
        track[key] = event["args"]["name"]
    elif event["ph"] == "X":
        # Microseconds with three decimals: a tick is a thousandth.
        spans[key].append((round(event["ts"] * 1000), round(event["dur"] * 1000)))

for key, found in spans.items():
    if key not in track:
        sys.exit(f"track {key} has no name")
    open_ends = []
    # Of spans that begin together the longest is around the others.
    for begin, length in sorted(found, key=lambda span: (span[0], -span[1])):
        while open_ends and open_ends[-1] <= begin:
            open_ends.pop()
        if open_ends and begin + length > open_ends[-1]:
            sys.exit(f"{process[key[0]]} {track[key]}: a span at {begin} ends behind the one around it")
        open_ends.append(begin + length)
names = [(key[0], name) for key, name in track.items()]
if len(set(names)) != len(names):
    sys.exit("two tracks of a process have one name")
for key in sorted(spans):
    print(process[key[0]], track[key], len(spans[key]), sum(length for _, length in spans[key]))
