#!/usr/bin/python
"""Ansible module: all managed configuration files of a host as one transaction."""

from __future__ import annotations

DOCUMENTATION = r"""
module: config_set
short_description: Apply all managed configuration files of a host as one transaction
description:
  - Compares a set of files with the host and, if anything differs, replaces all that differ together; the
    host has the old set or the new one afterwards, never a mix.
  - The new set is staged and validated by the daemons' own checkers first. The files are then swapped by
    renames, actions such as a reload run, and health checks judge the outcome. If an action or a health
    check fails, the old files return, the actions run for them again, and the module fails.
  - Killed at any instant, it leaves a journal; the next run settles what was under way before it does
    anything else. The old files return, unless the new ones had already passed their health checks.
  - A host that is right already costs one comparison, and nothing is written on it.
  - The last generations, with what was there before each, stay in the state directory with their stamp.
options:
  files:
    description: The files of the set. Plain files only; a link, directory or device at a path is an error.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path, without C(..). Missing directories above it are created with mode 0755.
        type: str
        required: true
      content:
        description: The whole content.
        type: str
        default: ""
      mode:
        description: Permissions, octal with a leading 0, quoted.
        type: str
        default: "0644"
      owner:
        description: Owner, a user name or number.
        type: str
        default: root
      group:
        description: Group, a group name or number.
        type: str
        default: root
      secret:
        description:
          - Never show the content in a diff, a result, a message or a log. Its words are blanked in what
            commands print.
        type: bool
        default: false
      state:
        description: Whether the file shall be there.
        type: str
        choices: [present, absent]
        default: present
  prepare:
    description:
      - Commands that run before the validation, such as one that loads a kernel module. They must be
        harmless, since nothing undoes them.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What it does; messages name it so.
        type: str
        required: true
      argv:
        description: The program and its arguments. No shell is involved.
        type: list
        elements: str
        required: true
      ok:
        description: Exit codes that mean success.
        type: list
        elements: int
        default: [0]
      timeout:
        description: Seconds after which the command is killed, and has failed.
        type: float
        default: 60.0
      when:
        description:
          - V(changed) runs it if a file changes, and never in check mode.
          - V(always) runs it in check mode, and for forced actions without a change, too.
          - Where there is nothing at all to do, nothing runs.
        type: str
        choices: [always, changed]
        default: changed
  validate:
    description:
      - Commands that judge the staged set before anything live is touched. In check mode they judge a copy
        in a temporary directory; one whose program is missing is an error, in check mode a warning.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What it does; messages name it so.
        type: str
        required: true
      argv:
        description:
          - The program and its arguments. C({stage}) is replaced by a directory that holds the whole set at
            its full paths, as in C({stage}/etc/keepalived/keepalived.conf).
        type: list
        elements: str
        required: true
      ok:
        description: Exit codes that mean success.
        type: list
        elements: int
        default: [0]
      timeout:
        description: Seconds after which the command is killed, and has failed.
        type: float
        default: 60.0
      paths:
        description: Files of the set that it judges. It runs if one of them changes.
        type: list
        elements: str
        required: true
  actions:
    description: Commands that make the change effective. They run in this order, after the swap.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What it does; messages and results name it so.
        type: str
        required: true
      argv:
        description: The program and its arguments. No shell is involved.
        type: list
        elements: str
        required: true
      ok:
        description: Exit codes that mean success.
        type: list
        elements: int
        default: [0]
      timeout:
        description: Seconds after which the command is killed, and has failed.
        type: float
        default: 60.0
      'on':
        description:
          - Files of the set whose change triggers it. Quote the key in YAML, where a bare C(on) is a boolean.
        type: list
        elements: str
        default: []
      force:
        description:
          - Run it although no file changed, to heal a drift that no file shows, such as a stopped daemon.
            Counts as a change.
        type: bool
        default: false
      guard:
        description:
          - The program and its arguments that undo the action, for one that may cut the controller off. The
            host runs it O(guard_s) seconds after the action unless a task with O(confirm) comes before,
            over a new connection. Then it gives back every file that the run has changed, and runs the
            actions for them again. Empty means that the action needs no guard.
          - C({since}) in a word is the time of arming, in seconds since boot (CLOCK_BOOTTIME).
          - Needs C(systemd-run) on the host; without it the action is refused before anything is touched.
          - A rollback that runs the action again ends it. Check mode arms nothing.
        type: list
        elements: str
        default: []
      retract:
        description:
          - What the host runs in the place of O(actions[].guard) where none of the files of C(on) was there
            before the run, such as C(systemctl disable --now), also when the guard of another action of the
            run fires. The action is not run again then.
        type: list
        elements: str
        default: []
  health:
    description: Commands that judge the host after the actions, in this order.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What it does; messages name it so.
        type: str
        required: true
      argv:
        description: The program and its arguments. No shell is involved.
        type: list
        elements: str
        required: true
      ok:
        description: Exit codes that mean success.
        type: list
        elements: int
        default: [0]
      timeout:
        description: Seconds after which an attempt is killed, and has failed.
        type: float
        default: 60.0
      retries:
        description: Attempts after a first one that failed.
        type: int
        default: 0
      delay:
        description: Seconds between two attempts.
        type: float
        default: 1.0
  generation:
    description: The stamp that the journal keeps with this change.
    type: dict
    suboptions:
      commit:
        description: The commit of the inventory and the toolkit that it came from.
        type: str
      operator:
        description: Who did it. A second run that finds this one under way names them.
        type: str
      reason:
        description: Why.
        type: str
      run:
        description: An id shared by all hosts of one run.
        type: str
  guard_s:
    description: Seconds after which the host itself undoes a guarded action that nobody has confirmed.
    type: int
    default: 90
  confirm:
    description:
      - Do nothing but stop the timers of guarded actions, all of this host. For a task of its own that comes
        over a new connection, since one that is open proves nothing.
      - Fails if a timer has run, so that what it guarded is not in effect any more.
    type: bool
    default: false
  installed:
    description:
      - Names of packages that the host lacks and the toolkit is about to install. They are added to the
        record C(installed) in the state directory, one name a line, which a teardown goes by.
    type: list
    elements: str
    default: []
  restore:
    description:
      - A kept generation, such as V(000007). Its files are applied in the place of O(files); files that the
        toolkit has put there since are removed. O(validate) and O(actions) hold for the files that there are,
        and the actions of the generations since run too.
    type: str
  keep:
    description: How many committed generations stay, this one included.
    type: int
    default: 5
  state_dir:
    description: Where generations, journals and the lock are. Only root can look into it.
    type: str
    default: /var/lib/lvs-toolkit
  root:
    description: A directory that stands before every path, the state directory's too. For tests.
    type: str
    default: /
attributes:
  check_mode:
    support: full
    description: Predicts everything, validators included, and writes nothing but a temporary directory.
  diff_mode:
    support: full
    description: Shows every file but the secret ones, and the forced actions.
notes:
  - Contents, secret ones included, are in the state directory, as readable as root's own files are.
  - Extended attributes and ACLs of a replaced file are not carried over to the new one.
  - The module keeps its arguments out of the target's journal and out of the results.
author: The LVS toolkit's authors
"""

EXAMPLES = r"""
- name: Apply the director's configuration
  config_set:
    files:
      - path: /etc/keepalived/keepalived.conf
        content: "{{ plan.files['/etc/keepalived/keepalived.conf'] }}"
        mode: "0640"
      - path: /etc/modules-load.d/lvs.conf
        content: |
          ip_vs
          ip_vs_wrr
      - path: /etc/ha.d/authkeys
        content: "{{ vault_authkeys }}"
        mode: "0600"
        secret: true
      - path: /etc/keepalived/old.conf
        state: absent
    prepare:
      - {name: load ip_vs, argv: [modprobe, -a, ip_vs, ip_vs_wrr]}
    validate:
      - name: keepalived's own checker
        argv: [unshare, --pid, --fork, keepalived, -t, -f, "{stage}/etc/keepalived/keepalived.conf"]
        paths: [/etc/keepalived/keepalived.conf]
    actions:
      - name: reload keepalived
        argv: [systemctl, reload-or-restart, keepalived]
        'on': [/etc/keepalived/keepalived.conf]   # quoted: a bare on is a boolean in YAML 1.1
        force: "{{ keepalived_is_stopped }}"
    health:
      - {name: keepalived runs, argv: [systemctl, is-active, keepalived], retries: 5, delay: 1}
    generation:
      commit: "{{ commit }}"
      operator: "{{ operator }}"
      reason: add web4 to the pool
"""

RETURN = r"""
changed:
  description:
    - Whether the host changed, or would in check mode. A failed run that was rolled back without a problem
      has not changed it.
  type: bool
  returned: always
files:
  description:
    - What happened to each file that differed, by its path. C(created), C(changed) (the content),
      C(removed), or the attributes that differed, C(mode), C(owner) and C(group) joined by C(+).
  type: dict
  returned: success
  sample: {/etc/keepalived/keepalived.conf: changed, /etc/modules-load.d/lvs.conf: created}
actions:
  description: Names of the actions that ran, or would run in check mode.
  type: list
  elements: str
  returned: success
  sample: [reload keepalived]
healed:
  description: Those of them that were forced.
  type: list
  elements: str
  returned: success
generation:
  description: The generation in effect, a new one if files changed; none if there never was one.
  type: str
  returned: success
  sample: "000012"
previous:
  description:
    - The generation that was in effect before, if this run changes files; null on a new host. For O(restore).
  type: str
  returned: success
recovered:
  description: Interrupted transactions that this run settled first.
  type: list
  elements: dict
  returned: always
  contains:
    generation:
      description: Its id.
      type: str
    outcome:
      description: C(rolled back) to the old files, or C(confirmed) where the new ones had passed.
      type: str
    stamp:
      description: Its stamp, as given in O(generation).
      type: dict
    files:
      description: The paths that it had begun to change.
      type: list
      elements: str
    actions:
      description: The actions that ran again for the restored files.
      type: list
      elements: str
    problems:
      description: What did not work with the old files either, and edits by hand that were kept aside.
      type: list
      elements: str
guarded:
  description: Names of the actions that the host will undo unless a task with O(confirm) comes in time.
  type: list
  elements: str
  returned: always
confirmed:
  description: Names of the timers that were stopped, such as C(lvs-guard-0).
  type: list
  elements: str
  returned: success
installed:
  description: The names of O(installed) that the record did not have.
  type: list
  elements: str
  returned: success
unfinished:
  description: Check mode only. Generations that were interrupted and that a real run settles.
  type: list
  elements: str
  returned: success
failure:
  description: The command that failed. C(rc) is null if it was missing or ran out of time.
  type: dict
  returned: when a command failed
  sample:
    phase: validate
    name: keepalived's own checker
    argv: [keepalived, -t, -f, "{stage}/etc/keepalived/keepalived.conf"]
    rc: 5
    output: "(/etc/keepalived/keepalived.conf: Line 12) Unknown keyword 'virtual_sever'"
rolled_back:
  description: Whether old files were put back. False as well where nothing live had been touched.
  type: bool
  returned: failure
rollback_problems:
  description: Actions and health checks that failed with the old files, too.
  type: list
  elements: str
  returned: when there are any
"""

import signal
from collections.abc import Mapping

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.lvs_transaction.model import TransactionError, parse_request
from ansible.module_utils.lvs_transaction.transaction import apply

_COMMAND = {
    "name": {"type": "str", "required": True},
    "argv": {"type": "list", "elements": "str", "required": True},
    "ok": {"type": "list", "elements": "int", "default": [0]},
    "timeout": {"type": "float", "default": 60.0},
}
_FILE = {
    "path": {"type": "str", "required": True},
    "content": {"type": "str", "default": ""},
    "mode": {"type": "str", "default": "0644"},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
    # A flag, not a secret itself; and an option-level no_log on the content would blank the whole diff.
    "secret": {"type": "bool", "default": False, "no_log": False},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
_PREPARE = {**_COMMAND, "when": {"type": "str", "choices": ["always", "changed"], "default": "changed"}}
_VALIDATE = {**_COMMAND, "paths": {"type": "list", "elements": "str", "required": True}}
_ACTION = {
    **_COMMAND,
    "on": {"type": "list", "elements": "str", "default": []},
    "force": {"type": "bool", "default": False},
    "guard": {"type": "list", "elements": "str", "default": []},
    "retract": {"type": "list", "elements": "str", "default": []},
}
_HEALTH = {
    **_COMMAND,
    "retries": {"type": "int", "default": 0},
    "delay": {"type": "float", "default": 1.0},
}
_STAMP = {name: {"type": "str"} for name in ("commit", "operator", "reason", "run")}


def _list_of(options: Mapping[str, object]) -> dict[str, object]:
    return {"type": "list", "elements": "dict", "default": [], "options": options}


ARGUMENT_SPEC = {
    "files": _list_of(_FILE),
    "prepare": _list_of(_PREPARE),
    "validate": _list_of(_VALIDATE),
    "actions": _list_of(_ACTION),
    "health": _list_of(_HEALTH),
    "generation": {"type": "dict", "options": _STAMP},
    "guard_s": {"type": "int", "default": 90},
    "confirm": {"type": "bool", "default": False},
    "installed": {"type": "list", "elements": "str", "default": []},
    "restore": {"type": "str"},
    "keep": {"type": "int", "default": 5},
    "state_dir": {"type": "str", "default": "/var/lib/lvs-toolkit"},
    "root": {"type": "str", "default": "/"},
}


class _Module(AnsibleModule):  # type: ignore[misc]
    """An AnsibleModule that keeps its arguments, which hold secrets, out of the journal and of every result.

    Bad arguments make the constructor itself fail, so this cannot be left to ``main``.
    """

    def log(self, msg: str, log_args: object = None) -> None:
        super().log("config_set was invoked; its arguments are not logged, since they may hold secrets")

    def exit_json(self, **kwargs: object) -> None:
        super().exit_json(**{"invocation": {}, **kwargs})

    def fail_json(self, msg: str, **kwargs: object) -> None:
        super().fail_json(msg, **{"invocation": {}, **kwargs})


def main() -> None:
    """Run the module."""
    # A terminal that goes with the controller must not end a transaction that can still end well.
    signal.signal(signal.SIGHUP, lambda _signal, _frame: None)
    module = _Module(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    try:
        result = apply(parse_request(module.params, module.check_mode))
    except TransactionError as exc:
        module.fail_json(msg=str(exc), **exc.details)
    answer = result.as_dict()
    for warning in answer.pop("warnings"):
        module.warn(warning)
    if not module._diff:
        del answer["diff"]
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
