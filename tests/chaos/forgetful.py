#!/usr/bin/python3
"""A Holdfast that says `stored` of events and stores none: the chaos of the write path must notice.

FORGETFUL names the program that does the rest.
"""

import json
import os
import sys

PROGRAM = os.environ["FORGETFUL"]

if sys.argv[1:3] != ["put", "events"]:
    os.execv(PROGRAM, [PROGRAM, *sys.argv[1:]])
answers = [{"result": "stored", "collection": "events", "id": str(number)}
           for number, _ in enumerate(sys.stdin.read().splitlines())]
print(json.dumps({"records": answers} if len(answers) > 1 else answers[0]))
