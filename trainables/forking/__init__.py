"""Start-up speed only: processes are forked from one that has imported the libraries. Standard library only.

Nothing else of kotune is imported here; `KOTUNE_FORK=0` switches all of it off.

    code_copy: Brings the code of a job into a folder that nobody else can change, and runs it from there
    request: What Ray runs instead of Python: asks the fork server for a process, and ends when that process ends
    server: Ray's processes by fork: the libraries are imported once per machine, not once per process
"""
