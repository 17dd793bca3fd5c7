"""The schema's history: one line of numbered steps, each SQL, each in its own transaction.

There is no way back. A step that removed what it had added would throw people's data away; to return
to an earlier state, restore a backup. 0000-0026 reach the specified schema, 0027 and later are ours.
Every step says which lock it takes and why the code that ran before it keeps working.
"""
