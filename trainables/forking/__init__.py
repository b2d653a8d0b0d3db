"""Start-up speed only: processes are forked from one that has imported the libraries. Standard library only.

Nothing else of kotune is imported here. `KOTUNE_FORK=0` in the driver's environment switches forking off: processes
then start in the usual way, and everything else stays the same.

    client: Starts fork servers and connects to them
    code_copy: Copies the code of a job to a private folder and runs it from there
    protocol: What client and server share: the files in the server's folder, and the request
    request: The program that Ray starts instead of Python: it asks the fork server for a child
    server: The fork server: it imports the libraries once per machine, and forks
"""
