/* Timelines: files that a JSON parser takes, in which slices nest. timeline.py reads them. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/support/fork.h"
#include "tests/support/trace.h"

static gate_callback *back;

static int call_back(int x) {
    return ((int_to_int)gate_callback_address(back))(x) + ((int_to_int)gate_callback_address(back))(x);
}

static int call_on(void *unused, void *result, void *const arguments[]) {
    int x = *(int *)arguments[0];
    (void)result;
    call("inner", address_of(add_one), GATE_CALL_BLOCKING, x);
    if (x)
        call("middle", address_of(call_back), GATE_CALL_DEFAULT, x - 1);
    return unused != NULL;
}

static char file_name[64];

static const char *name_file(void) {
    snprintf(file_name, sizeof file_name, "/tmp/callgate-test-timeline-%d.json", (int)getpid());
    return file_name;
}

/* What timeline.py, told when that is, says of the trace, which is written and then gone. */
static const char *read_trace_as(const char *when) {
    static char text[4 << 20];
    char command[160];
    gate_error error = {0, ""};
    cr_assert_eq(gate_trace_write(name_file(), &error), 0, "%s", error.message);
    snprintf(command, sizeof command, "python3 tests/bridge/timeline.py %s %s 2>&1", file_name, when);
    FILE *python = popen(command, "r");
    size_t length = fread(text, 1, sizeof text - 1, python);
    text[length] = '\0';
    cr_assert_eq(pclose(python), 0, "%s", text);
    unlink(file_name);
    return text;
}

static const char *read_trace(void) {
    return read_trace_as("");
}

static void *call_and_be_called(void *unused) {
    gate_signature *signature = parse("int (int)");
    struct gate_callback_config config = {.signature = signature, .handler = call_on, .name = "handler"};
    cr_assert_eq(gate_callback_make(gate_task_current()->runtime, &config, &back, NULL), 0);
    start_trace();
    call("outer", address_of(call_back), GATE_CALL_DEFAULT, 1);
    gate_trace_stop();
    cr_assert_eq(gate_callback_free(back), 0);
    gate_signature_free(signature);
    return unused;
}

Test(timeline, has_calls_and_callbacks_as_they_lie_in_each_other_and_hand_offs_in_their_calls) {
    static const char *const half = "  callback handler task=only #2 handoffs=0 callbacks=0\n"
                                    "    call inner task=only #2 handoffs=1 callbacks=0\n"
                                    "      handoff hand-off task=only #2 call=inner\n"
                                    "    call middle task=only #2 handoffs=0 callbacks=2\n"
                                    "      callback handler task=only #2 handoffs=0 callbacks=0\n"
                                    "        call inner task=only #2 handoffs=1 callbacks=0\n"
                                    "          handoff hand-off task=only #2 call=inner\n"
                                    "      callback handler task=only #2 handoffs=0 callbacks=0\n"
                                    "        call inner task=only #2 handoffs=1 callbacks=0\n"
                                    "          handoff hand-off task=only #2 call=inner\n";
    char expected[4096];
    run_task(call_and_be_called, NULL);
    snprintf(expected, sizeof expected, "lost 0\nthread 1 named\ncall outer task=only #2 handoffs=0 callbacks=2\n%s%s",
             half, half);
    cr_assert_str_eq(read_trace(), expected);
}

static void add_call(const char *name) {
    int x = 1;
    call(name, address_of(add_one), GATE_CALL_DEFAULT, x);
}

Test(timeline, is_json_whatever_names_are_made_of) {
    start_trace();
    add_call("a \"quoted\" \\name\\, a/slash");
    add_call("line\nfeed\ttab \x01\x1f\x7f");
    add_call("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80");
    add_call("\xff \xc3 \xc0\xaf \xe0\x80\x80 \xed\xa0\x80 \xf4\x90\x80\x80 \xf0\x8f\xbf\xbf \xf8 \xe2\x82");
    add_call("");
    add_call(NULL);
    gate_trace_stop();
    const char *trace = read_trace();
    cr_assert_not_null(strstr(trace, "\ncall a \"quoted\" \\name\\, a/slash handoffs=0"), "%s", trace);
    cr_assert_not_null(strstr(trace, "\ncall line\\nfeed\ttab \x01\x1f\x7f handoffs=0"), "%s", trace);
    cr_assert_not_null(strstr(trace, "\ncall \\xe4 \\u20ac \\U0001f600 handoffs=0"), "%s", trace);
    cr_assert_not_null(
        strstr(trace, "\ncall \\ufffd \\ufffd \\ufffd\\ufffd \\ufffd\\ufffd\\ufffd \\ufffd\\ufffd\\ufffd "
                      "\\ufffd\\ufffd\\ufffd\\ufffd \\ufffd\\ufffd\\ufffd\\ufffd \\ufffd \\ufffd\\ufffd handoffs=0"),
        "%s", trace);
    cr_assert_not_null(strstr(trace, "\ncall  handoffs=0"), "%s", trace);
    cr_assert_not_null(strstr(trace, "\ncall a function handoffs=0"), "%s", trace);
}

Test(timeline, keeps_the_first_events_and_tells_how_many_were_lost) {
    struct gate_trace_config config = {.most_events = 3};
    cr_assert_eq(gate_trace_start(&config, NULL), 0);
    char name[] = "call 0";
    for (; name[5] < '8'; name[5]++)
        add_call(name);
    gate_trace_stop();
    const char *trace = read_trace();
    cr_assert_eq(strncmp(trace, "lost 5\n", strlen("lost 5\n")), 0, "%s", trace);
    cr_assert_not_null(strstr(trace, "call call 2 "), "%s", trace);
    cr_assert_null(strstr(trace, "call call 3 "), "%s", trace);
    cr_assert_eq(gate_trace_start(&config, NULL), 0);
    add_call("of the next trace");
    gate_trace_stop();
    cr_assert_str_eq(read_trace(), "lost 0\nthread 1 named\ncall of the next trace handoffs=0 callbacks=0\n");
}

Test(timeline, is_empty_if_events_are_not_asked_for) {
    struct gate_trace_config config = {.no_events = 1};
    cr_assert_eq(gate_trace_start(&config, NULL), 0);
    add_call("counted");
    gate_trace_stop();
    cr_assert_eq(counted("counted").calls, 1u);
    cr_assert_str_eq(read_trace(), "lost 0\n");
}

enum { THREADS = 4, CALLS = 3000 };

static void *call_many(void *unused) {
    for (int i = 0; i < CALLS; i++)
        call("one of many", address_of(add_one), i % 8 ? GATE_CALL_DEFAULT : GATE_CALL_BLOCKING, i);
    return unused;
}

static void *call_many_in_runtime(void *unused) {
    run_tasks(call_many, 2);
    return unused;
}

static unsigned count(const char *text, const char *part) {
    unsigned found = 0;
    for (; (text = strstr(text, part)) != NULL; text++)
        found++;
    return found;
}

Test(timeline, has_all_events_of_threads_and_runtimes_that_call_at_once_and_may_be_read_meanwhile) {
    pthread_t threads[THREADS];
    start_trace();
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, i % 2 ? call_many_in_runtime : call_many, NULL), 0);
    read_trace_as("meanwhile");
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    gate_trace_stop();
    const char *trace = read_trace();
    cr_assert_eq(count(trace, "call one of many"), THREADS / 2u * 3 * CALLS);
    cr_assert_eq(count(trace, " without a name\n"), 0u);
}

/* The file itself, which is gone then. */
static const char *write_trace(void) {
    static char text[1 << 16];
    cr_assert_eq(gate_trace_write(name_file(), NULL), 0);
    FILE *file = fopen(file_name, "r");
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    unlink(file_name);
    return text;
}

Test(timeline, has_times_to_the_nanosecond) {
    static const struct gate__span spans[] = {{.began = 7000000001, .took = 1234567}, {.began = 7009999999, .took = 8}};
    const struct gate__tally *tally = gate__tally_of(GATE_TRACE_CALLS, name_file, "timed");
    start_trace();
    for (int i = 0; i < 2; i++)
        gate__timeline_add(gate__trace_hold_session(), tally, NULL, &spans[i]);
    gate__trace_let_session_go();
    gate__trace_let_session_go();
    gate_trace_stop();
    const char *trace = write_trace();
    cr_assert_not_null(strstr(trace, "\"ts\":7000000.001,\"dur\":1234.567,"), "%s", trace);
    cr_assert_not_null(strstr(trace, "\"ts\":7009999.999,\"dur\":0.008,"), "%s", trace);
}

/* Whether the trace has a call on that thread. */
static bool has_thread(const char *trace, int number) {
    char text[64];
    snprintf(text, sizeof text, "{\"ph\":\"X\",\"pid\":%d,\"tid\":%d,", (int)getpid(), number);
    return strstr(trace, text) != NULL;
}

static void fork_while_on(void) {
    start_trace();
    add_call("before");
    pid_t child = fork_guarded();
    if (child == 0) {
        add_call("behind");
        _exit(has_thread(write_trace(), (int)getpid()) ? WELL : 1);
    }
    assert_well(child);
    gate_trace_stop();
    cr_assert(has_thread(write_trace(), (int)getpid()));
}

Test(timeline, of_a_forks_child_is_of_its_own_thread) {
    fork_while_on();
    gate_runtime *runtime = start(1);
    fork_while_on();
    stop(runtime);
}

/* Files */

static void *write_to(void *path) {
    gate_error error = {0, ""};
    int failed = gate_trace_write(path, &error);
    cr_assert_eq(failed, error.code);
    return (void *)(intptr_t)failed;
}

Test(timeline, that_cannot_be_written_is_an_error_that_names_the_file) {
    gate_error error;
    cr_assert_eq(gate_trace_write("/nowhere/at/all", &error), -ENOENT);
    cr_assert_str_eq(error.message, "'/nowhere/at/all' can't be written: No such file or directory");
    cr_assert_eq(gate_trace_write("/dev/full", &error), -ENOSPC);
    cr_assert_str_eq(error.message, "'/dev/full' can't be written: No space left on device");
    cr_assert_eq((intptr_t)run_task(write_to, (void *)(uintptr_t) "/dev/full"), -ENOSPC);
}

/* Whoever writes to a pipe waits for who reads it. */
Test(timeline, that_is_being_written_is_not_begun_anew) {
    pthread_t thread;
    void *failed;
    char text[256];
    cr_assert_eq(mkfifo(name_file(), 0600), 0);
    cr_assert_eq(pthread_create(&thread, NULL, write_to, file_name), 0);
    gate_error error = {0, ""};
    int started;
    while ((started = gate_trace_start(NULL, &error)) == 0)
        gate_trace_stop();
    cr_assert_eq(started, -EBUSY);
    cr_assert_str_eq(error.message, "the last trace is being written");
    FILE *pipe = fopen(file_name, "r");
    while (fread(text, 1, sizeof text, pipe) > 0)
        continue;
    pthread_join(thread, &failed);
    cr_assert_null(failed);
    fclose(pipe);
    unlink(file_name);
    start_trace();
    gate_trace_stop();
}
