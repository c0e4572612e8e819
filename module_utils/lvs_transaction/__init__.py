"""One transaction over all managed configuration files of a host: old or new, never a mix.

Several files cannot be replaced in one atomic step, so what is about to happen is written down first:

1. *stage*    the new set is written below the state directory and checked there (``staging``);
2. *open*     a journal names every file to replace, with its old copy (``journal``); durable before step 3;
3. *swap*     each file is replaced by a rename beside its target (``swap``);
4. *confirm*  actions (reloads) and health checks pass: the journal is confirmed, then the leftovers go.

A process that dies before step 4 leaves an open journal: ``recovery`` then restores the old files and runs
the actions for them once more. One that dies after it leaves new files and, at most, leftovers.
``transaction`` is the whole way; ``recovery.recover`` stands alone, for a unit that runs at boot (``boot``).

Runs on managed nodes under the system's Python, so: the standard library and Python 3.9 syntax only.
"""
