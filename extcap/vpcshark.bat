@echo off
rem This is vpcshark's launcher: Wireshark runs it for each of its questions, and it hands them to Python.
rem "vpcshark install" writes its own Python into the next line. Empty: the checkout's .venv, then python on the PATH.
set "VPCSHARK_PYTHON="
set "PYTHONSAFEPATH=1"
rem Neither cmd nor Python shall take a program from the folder that Wireshark was started in (see the launcher in sh).
set "NoDefaultCurrentDirectoryInExePath=1"
if not defined VPCSHARK_PYTHON if exist "%~dp0..\.venv\Scripts\python.exe" set "VPCSHARK_PYTHON=%~dp0..\.venv\Scripts\python.exe"
if not defined VPCSHARK_PYTHON set "VPCSHARK_PYTHON=python.exe"
"%VPCSHARK_PYTHON%" -c "import sys; sys.path[:] = sys.path[sys.path[0] == '':]; from vpcshark.extcap.__main__ import run; sys.exit(run())" %*
exit /b %ERRORLEVEL%
