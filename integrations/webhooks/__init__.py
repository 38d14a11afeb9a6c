"""Push notices that registries send in: what each vendor's says, and how it proves where it comes from.

Plain functions over a notice's JSON. Nothing here writes, and no address that a notice names is ever called.
"""
