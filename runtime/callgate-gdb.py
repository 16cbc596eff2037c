"""Commands of gdb's for Callgate's tasks.

    (gdb) source callgate-gdb.py
    (gdb) info tasks
    (gdb) task 3 bt

What a task does is read from the runtime's structures, by the rules of gate__task_visit and gate__task_describe
(runtime/task.c). Its frames are on a thread, or where gate__arch_swap left them. In that case an unwinder has the
newest frame of the selected thread stand for the one in gate__arch_swap, as long as a command runs. Nothing is
written to the process: a core file will do.

SPDX-License-Identifier: MIT
"""

import bisect
import contextlib

import gdb
from gdb.FrameDecorator import FrameDecorator
from gdb.unwinder import Unwinder, register_unwinder

# The runtime's structures

# What an M's word has in place of a call: runtime/layout.h.
OUTSIDE, UNTOLD = 1, 2


def constant(name):
    return int(gdb.parse_and_eval(name))


def linked(pointer, link):
    """Each structure of a list."""
    while pointer:
        yield pointer.dereference()
        pointer = pointer[link]


def all_runtimes():
    """Those of each copy of the library that the program has."""
    if not gdb.selected_thread():
        raise gdb.GdbError("There is neither a process nor a core file.")
    heads = [symbol for symbol in gdb.lookup_static_symbols("runtimes") if str(symbol.type) == "gate_runtime *"]
    if not heads:
        raise gdb.GdbError("Callgate is not in the program, or without its debug information (gcc -g).")
    runtimes = [runtime for head in heads for runtime in linked(head.value(), "next")]
    if not runtimes:
        raise gdb.GdbError("No runtime of Callgate's is started.")
    return runtimes


def all_ms(runtime):
    for first in (runtime["workers"]["all"], runtime["roots"]):
        yield from linked(first, "all_next")


def pools(runtime):
    return (runtime["stacks"][i] for i in range(constant("GATE__STACK_CLASSES")))


def task_in(base, size):
    """task.c's: where the task lies in a stack."""
    task_type, link_type = gdb.lookup_type("struct gate_task"), gdb.lookup_type("struct gate__stack")
    colour = base // constant("gate__os_known_page_size") % 16
    end = base + size - link_type.sizeof - 64 * colour
    return gdb.Value((end - task_type.sizeof) & ~63).cast(task_type.pointer()).dereference()


def tasks_in_chunk(pool, chunk):
    """gate__stack_visit's walk."""
    size, page = int(pool["size"]), constant("gate__os_known_page_size")
    for i in range(int(chunk["handed"])):
        yield task_in(int(chunk["base"]) + i * (size + page) + page, size)


def stackful_tasks(runtime):
    states, free = constant("GATE__STATES"), constant("GATE__FREE")
    for pool in pools(runtime):
        for chunk in linked(pool["chunks"], "next"):
            yield from (task for task in tasks_in_chunk(pool, chunk) if int(task["state"]) & states != free)


def lacks_stacks(runtime):
    """Whether chunks of stacks, some of which tasks have taken, read as zeros."""
    for pool in pools(runtime):
        taken = -int(pool["warm_count"])
        for chunk in linked(pool["chunks"], "next"):
            if not any(task["number"] for task in tasks_in_chunk(pool, chunk)):
                taken += int(chunk["handed"]) - int(chunk["cold_count"])
        if taken > 0:
            return True
    return False


def root_tasks(runtime):
    return (m["root"].dereference() for m in linked(runtime["roots"], "all_next") if m["root"])


def text_at(pointer):
    """A string of the host's, which may be gone."""
    try:
        return pointer.string(errors="replace") if pointer else ""
    except gdb.MemoryError:
        return "?"


def words_at(pointer):
    return pointer.cast(gdb.lookup_type("unsigned long").pointer())


class Task:
    """A task as it stands. thread is the one that it has its frames on, or None."""

    def __init__(self, value, runtime_number):
        bound = value["bound"]
        self.value = value
        self.address = int(value.address)
        self.runtime_number = runtime_number
        self.number = int(value["number"])
        self.name = text_at(value["name"].address.cast(gdb.lookup_type("char").pointer()))
        self.state = int(value["state"]) & constant("GATE__STATES")
        self.is_root = not value["stack"]["base"]
        if self.is_root:
            self.stack, self.stack_size = int(bound["stack_bottom"]), int(bound["stack_size"])
        else:
            self.stack, self.stack_size = int(value["stack"]["base"]), int(value["stack"]["size"])
        self.thread = None

    def saved_sp(self):
        """Where gate__arch_swap saved its registers. A root task's, while its thread runs another, lie below what was
        pushed for the callbacks of that one: by their code, into their notes, or by gate__arch_cross_back."""
        if not self.is_root:
            return words_at(self.value["sp"])
        m = self.value["bound"]
        sp = words_at(m["system_sp"])
        for note in linked(m["task"]["arrival"].cast(gdb.lookup_type("struct gate__arrival").pointer()), "outer"):
            if note["system_sp"]:
                sp = words_at(note["system_sp"])
            elif sp[0] == int(m["task"]) and sp[1] == int(m):
                sp = words_at(sp[3])
        return sp

    def id(self):
        return "%d.%d" % (self.runtime_number, self.number) if self.runtime_number else str(self.number)

    def has_ended(self):
        return self.state == constant("GATE__DONE")

    def call(self):
        """gate__task_call."""
        on = self.value["on"]
        word = int(on["call"]) if on else 0
        return on["call"] if word > UNTOLD else self.value["call"]

    def where(self):
        """gate__task_look_where."""
        where, call = self.value["where"], self.call()
        if where or not call:
            return text_at(where)
        try:
            function = call.cast(gdb.lookup_type("struct gate__listed").pointer())["function"]
            return text_at(function["name"]) or "a function"
        except gdb.MemoryError:
            return "a function"

    def describe(self):
        """What task.c's state_in and gate__task_describe say."""
        on = self.value["on"]
        if self.state == constant("GATE__PARKED"):
            where = text_at(self.value["where"])
            return "parked: " + where if where else "parked"
        if self.has_ended():
            return "ended, not joined"
        if not on:
            return "ready"
        in_call = int(on["call"]) > OUTSIDE
        in_no_handler = on["adopted"] and not on["came_in"] and not self.value["arrival"]
        if int(on["call"]) == OUTSIDE or in_no_handler and in_call:
            return "outside"
        if in_call or self.value["call"]:
            where = self.where()
            return "in a call of " + where if where else "in a call"
        return "running"


def all_tasks():
    """In the order of their numbers. Runtimes are numbered if there are several."""
    runtimes = all_runtimes()
    tasks = []
    for number, runtime in enumerate(runtimes, 1):
        values = [*root_tasks(runtime), *stackful_tasks(runtime)]
        tasks += [Task(value, number if len(runtimes) > 1 else 0) for value in values]
    find_threads(runtimes, tasks)
    return sorted(tasks, key=lambda task: (task.runtime_number, task.number))


# Threads


@contextlib.contextmanager
def selection_kept():
    """Goes back to the thread and the frame that were selected."""
    thread = gdb.selected_thread()
    frame = gdb.selected_frame()
    try:
        yield
    finally:
        if thread.is_valid():
            thread.switch()
        if frame.is_valid():
            frame.select()


def task_on_system_stack(m):
    """The address of the task that a thread on its system stack has its frames of: one that is in a call there, or its
    root task; 0 in a worker's scheduler. What m->task names may be on its way to its stack, or from there."""
    task = m["task"]
    in_call = task and task != m["left"] and (task["on"] == m.address or task["bound"] == m.address)
    return int(task if in_call else m["root"])


class Stacks:
    """Tells of an address whose stack it is in, by the address of the task that has its frames there."""

    def __init__(self, runtimes, tasks):
        stacks = [(task.stack, task.stack_size, task.address) for task in tasks if not task.is_root]
        for m in (m for runtime in runtimes for m in all_ms(runtime)):
            stacks.append((int(m["stack_bottom"]), int(m["stack_size"]), task_on_system_stack(m)))
        self.stacks = sorted(stacks)
        self.bases = [base for base, _, _ in self.stacks]

    def task_at(self, address):
        """None if the stack is nobody's."""
        at = bisect.bisect_right(self.bases, address) - 1
        if at < 0:
            return None
        base, size, task = self.stacks[at]
        return task if address < base + size else None

    def task_of_thread(self):
        """By the selected thread's newest frame, or the first below those on a signal handler's stack."""
        frame = gdb.newest_frame()
        while frame:
            task = self.task_at(int(frame.read_register("rsp")))
            if task is not None:
                return task
            frame = frame.older()
        return None


def find_threads(runtimes, tasks):
    """Tells each task its thread."""
    stacks = Stacks(runtimes, tasks)
    threads = {}
    with selection_kept():
        for thread in gdb.selected_inferior().threads():
            thread.switch()
            with contextlib.suppress(gdb.error):  # frames that can't be unwound, or a thread that runs
                threads[stacks.task_of_thread()] = thread
    for task in tasks:
        task.thread = threads.get(task.address)


# Frames of a task that is on no thread


class FrameId:
    def __init__(self, sp, pc):
        self.sp = sp
        self.pc = pc


class Swapped(Unwinder):
    """Unwinds the newest frame of the selected thread as if that were in gate__arch_swap, on a task's stack."""

    # What lies at the saved stack pointer, a word each: runtime/arch/x86_64/switch.S.
    WORDS = ("mxcsr", "r15", "r14", "r13", "r12", "rbx", "rbp", "rip")

    def __init__(self):
        super().__init__("callgate")
        self.borrowed = None  # the thread's own stack pointer, while it stands for a task

    def enter(self, task):
        words = task.saved_sp()
        caller = {name: int(words[i]) for i, name in enumerate(self.WORDS)}
        caller["rsp"] = int(words + len(self.WORDS))
        del caller["mxcsr"]
        # gdb looks for a caller one byte before its pc. A task that has not begun is at the first of start.
        if caller["rbp"] == 0:
            caller["rip"] += 1
        self.sp = int(words)
        self.caller = caller
        self.borrowed = int(gdb.newest_frame().read_register("rsp"))
        gdb.invalidate_cached_frames()

    def leave(self):
        if self.borrowed is not None:
            self.borrowed = None
            gdb.invalidate_cached_frames()

    def stands_in(self, frame):
        return self.borrowed is not None and int(frame.read_register("rsp")) == self.borrowed

    def __call__(self, frame):
        if not self.stands_in(frame):
            return None
        info = frame.create_unwind_info(FrameId(gdb.Value(self.sp), frame.read_register("rip")))
        for name, value in self.caller.items():
            info.add_saved_register(name, gdb.Value(value))
        return info


swapped = Swapped()
register_unwinder(None, swapped, replace=True)
# A process that goes on has its thread back.
gdb.events.cont.connect(lambda event: swapped.leave())


class Switch(FrameDecorator):
    """A switch of stacks by its name. gdb, which finds that marked as a signal's frame, doesn't give it."""

    def __init__(self, frame, name):
        super().__init__(frame)
        self.name = name

    def function(self):
        return self.name


class Swap(Switch):
    """gate__arch_swap, by a frame that is no witness for anything else."""

    def __init__(self, frame):
        super().__init__(frame, "gate__arch_swap")

    def nothing(self):
        return None

    address = filename = line = frame_args = frame_locals = nothing


def switch_name(frame):
    # gdb takes a double underscore for Ada's where there is no debug information.
    return (frame.name() or "").replace("gate.", "gate__", 1) if frame.type() == gdb.SIGTRAMP_FRAME else ""


class Filter:
    """Backtraces name the switches, and show gate__arch_swap in place of the frame that stands for it."""

    name = "callgate"
    priority = 100
    enabled = True

    def filter(self, decorators):
        for decorator in decorators:
            frame = decorator.inferior_frame()
            if swapped.stands_in(frame):
                if frame.type() != gdb.INLINE_FRAME:
                    yield Swap(decorator)
            elif switch_name(frame).startswith("gate__arch_"):
                yield Switch(decorator, switch_name(frame))
            else:
                yield decorator


gdb.frame_filters[Filter.name] = Filter()


@contextlib.contextmanager
def frames_of(task):
    """The task's frames are the selected thread's."""
    if task.has_ended():
        raise gdb.GdbError("Task %s has ended: it has no frames." % task.id())
    with selection_kept():
        if task.thread:
            task.thread.switch()
            yield
            return
        try:
            swapped.enter(task)
            # The thread may stand in main, where gdb would end the trace.
            with gdb.with_parameter("backtrace past-main", True):
                frame = gdb.newest_frame()
                while swapped.stands_in(frame):
                    frame = frame.older()
                frame.select()
                yield
        finally:
            swapped.leave()


# The commands


class Command(gdb.Command):
    def invoke(self, argument, from_tty):
        try:
            self.run(argument.strip(), from_tty)
        except gdb.error as error:
            raise gdb.GdbError(str(error)) from None


class InfoTasks(Command):
    """List the tasks of Callgate's runtimes.

Of each: its number, the thread that has it, the size of its stack, its name and its state.
A root task's stack is its thread's. A star marks the task of the selected thread.
With several runtimes, a number is RUNTIME.TASK."""

    def __init__(self):
        super().__init__("info tasks", gdb.COMMAND_STATUS)

    def run(self, argument, from_tty):
        rows = [("", "task", "thread", "stack", "name", "state")]
        rows += [self.row(task) for task in all_tasks()]
        widths = [max(len(row[column]) for row in rows) for column in range(5)]
        for *cells, state in rows:
            gdb.write("  ".join([*(cell.ljust(width) for cell, width in zip(cells, widths)), state]) + "\n")
        if gdb.selected_inferior().connection.type == "core" and any(lacks_stacks(r) for r in all_runtimes()):
            gdb.write("Tasks are missing: the core file is without the content of some stacks (see 'help task').\n")

    def row(self, task):
        thread = "%d (LWP %d)" % (task.thread.num, task.thread.ptid[1]) if task.thread else "-"
        mark = "*" if task.thread and task.thread == gdb.selected_thread() else ""
        return mark, task.id(), thread, "%d KiB" % (task.stack_size // 1024), task.name, task.describe()


class TaskCommand(Command):
    """Run a command of gdb's on the frames of a task: task NUMBER COMMAND.

'task 3 bt' prints the backtrace of task 3, and 'task all bt' that of each task. COMMAND may as well
be 'bt full', 'frame 2' or 'info locals'. Numbers are those of 'info tasks'.

The frames of a task that is on no thread begin with gate__arch_swap, in which it left its thread. They
can be looked at, and not gone on in: a command that lets the process run concerns the selected thread.

In core files that gdb writes, stacks are missing if it can't read across the guards of stacks. Those
that the kernel writes have them, as those of programs under GATE_DEBUG=guardpages=0."""

    def __init__(self):
        super().__init__("task", gdb.COMMAND_STACK)

    def run(self, argument, from_tty):
        which, _, command = argument.partition(" ")
        if not command:
            raise gdb.GdbError("Which task, and which command? task NUMBER COMMAND")
        if which != "all":
            with frames_of(self.find(which)):
                gdb.execute(command, from_tty)
            return
        for task in all_tasks():
            gdb.write("\nTask %s '%s', %s\n" % (task.id(), task.name, task.describe()))
            if not task.has_ended():
                with frames_of(task):
                    gdb.execute(command, from_tty)

    def find(self, which):
        found = [task for task in all_tasks() if which in (task.id(), str(task.number))]
        if not found:
            raise gdb.GdbError("There is no task %s: 'info tasks' lists them." % which)
        if len(found) > 1:
            raise gdb.GdbError("Several runtimes have a task %s: %s." % (which, ", ".join(task.id() for task in found)))
        return found[0]


InfoTasks()
TaskCommand()
