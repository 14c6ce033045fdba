"""Threads with small stacks: musl's have 128 KiB, and a value may nest as deep as a store lets it."""

import signal
import subprocess
import sys

import pytest

# The stack of a thread, in bytes, and how deep the values nest: one level less than may lie below the root and a field.
STACK = 128 << 10
DEPTH = 124

PROGRAM = """
import os, sys, threading
import structstore

stack, depth, operation = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
items, fields = [], {}
for _ in range(depth):
    items, fields = [items], {"a": fields}
store, other = structstore.StructStore(), structstore.StructStore()
store.update(items=items, fields=fields)
image, watch = store.to_bytes(), store.watch()

def undone():
    try:
        with store.transaction():
            store.clear()
            raise KeyError
    except KeyError:
        pass

def run():
    exec(operation)
    os._exit(0)

threading.stack_size(stack)
thread = threading.Thread(target=run)
thread.start()
thread.join()
os._exit(1)
"""

OPERATIONS = [
    "store.x = items",
    "store.x = fields",
    "store.update(fields)",
    "other.whole = store",
    "store.to_dict()",
    "store.deepcopy()",
    "store.to_json()",
    "store.to_yaml()",
    "store.to_bytes()",
    "store.from_bytes(image)",
    "other.from_bytes(image)",
    "str(store)",
    "store == store",
    "store.check()",
    "store.y = 2; watch.changes()",
    "store.clear()",
    "undone()",
]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_works_on_a_small_stack(operation: str) -> None:
    command = [sys.executable, "-c", PROGRAM, str(STACK), str(DEPTH), operation]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode != -signal.SIGSEGV, f"{operation} takes more than {STACK} bytes of stack"
    assert done.returncode == 0, done.stderr
