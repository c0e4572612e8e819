"""The cluster model: what an LVS cluster is, and what every host of it must look like.

Pure Python, no Ansible in it. The way of the data::

    document + inventory ──validate──▶ plan.compile_plan ──▶ plan (plain data, final bytes of files)
    plan + observations ──▶ compare.compare ──▶ what differs, in which order to act, what forbids it
    plan + observations + client's view ──▶ verdict.judge ──▶ what is proven

Everything that crosses a function's border here is JSON-like plain data or a typed object of this
package, so that a filter plugin is one call (docs/decisions/0001).
"""
