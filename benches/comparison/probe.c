// The program that benches/compare runs as services. It is linked statically and does very little, so that the runner
// dominates the measurement. Its processes record CLOCK_MONOTONIC times in nanoseconds in the shared file PROBE_FILE.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SLOTS 1024

// Keep the layout in sync with comparison/probe.py, which reads it.
struct records {
    int64_t start, exited, reaped, zombies;
    _Atomic int32_t runner, status, receivers, pad;
    struct {
        _Atomic int64_t ready, signalled, exited;
        int64_t pid;
    } slot[SLOTS];
};

static struct records *records;

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void fail(const char *what) {
    perror(what);
    _exit(125);
}

static void open_records(void) {
    const char *path = getenv("PROBE_FILE");
    int file = open(path ? path : "", O_RDWR | O_CLOEXEC);
    if (file < 0) fail("PROBE_FILE");
    records = mmap(NULL, sizeof *records, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (records == MAP_FAILED) fail("mmap");
    close(file);
}

static pid_t spawn(char **command) {
    pid_t pid = vfork();
    if (pid == 0) {
        execvp(command[0], command);
        _exit(127);
    }
    if (pid < 0) fail("vfork");
    return pid;
}

// Runs a runner, and records the times of its start and its exit.
static int watch(char **command) {
    int status;
    records->start = now();
    records->runner = spawn(command);
    waitpid(records->runner, &status, 0);
    records->exited = now();
    records->status = status;
    return 0;
}

// Runs a command several times, discards its output, and prints the duration of each run.
static int repeat(int times, char **command) {
    int output = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (output < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) fail("output");
    while (times-- > 0) {
        int64_t start = now();
        waitpid(spawn(command), NULL, 0);
        dprintf(output, "%lld\n", (long long)(now() - start));
    }
    return 0;
}

// A service: records its start and the arrival of SIGTERM. Then it records its exit and exits, or ignores SIGTERM if `stubborn`.
static int receive(int stubborn) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int slot = atomic_fetch_add(&records->receivers, 1);
    if (slot >= SLOTS) return 125;
    records->slot[slot].pid = getpid();
    records->slot[slot].ready = now();
    sigwaitinfo(&set, NULL);
    records->slot[slot].signalled = now();
    while (stubborn) pause();
    records->slot[slot].exited = now();
    _exit(0);
}

// A minimal runner: starts the services, waits for SIGTERM, forwards it to each service, waits for each service.
static int bare(int count, char **command) {
    static pid_t children[SLOTS];
    sigset_t set, before;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, &before);
    for (int i = 0; i < count; i++) children[i] = spawn(command);
    sigwaitinfo(&set, NULL);
    for (int i = 0; i < count; i++) kill(children[i], SIGTERM);
    while (wait(NULL) > 0 || errno == EINTR) {}
    return 0;
}

// Removes the PIDs that no longer exist, as a process or as a zombie, from the list, and counts the rest.
static int count_existing(pid_t *pids, int count) {
    int left = 0;
    for (int i = 0; i < count; i++)
        if (kill(pids[i], 0) == 0) pids[left++] = pids[i];
    return left;
}

// Creates `total` orphans of which `batch` at a time exit at once, and records the time until the last is reaped. Then creates
// `total` orphans that exit one after the other, and records the largest number of zombies.
static int orphans(int total, int batch) {
    pid_t *pids = mmap(NULL, batch * sizeof *pids, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct timespec moment = {0, 100000};
    for (int made = 0; made < total; made += batch) {
        int held[2];
        char byte;
        if (pipe(held)) fail("pipe");
        pid_t parent = fork();
        if (parent == 0) {
            close(held[1]);
            for (int i = 0; i < batch; i++) {
                pid_t pid = fork();
                if (pid == 0) _exit(read(held[0], &byte, 1));
                pids[i] = pid;
            }
            _exit(0);
        }
        waitpid(parent, NULL, 0);
        int64_t start = now();
        close(held[0]), close(held[1]);
        for (int left = batch; (left = count_existing(pids, left)) > 0;) nanosleep(&moment, NULL);
        records->reaped += now() - start;
    }
    int left = 0;
    for (int made = 0; made < total; made++) {
        pid_t parent = fork();
        if (parent == 0) {
            pid_t pid = fork();
            if (pid > 0) pids[left] = pid;
            _exit(0);
        }
        waitpid(parent, NULL, 0);
        if (++left == batch || made % 50 == 0) {
            left = count_existing(pids, left);
            if (left > records->zombies) records->zombies = left;
        }
        while (left == batch) left = count_existing(pids, left);
    }
    while ((left = count_existing(pids, left)) > 0) nanosleep(&moment, NULL);
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    if (!strcmp(argv[1], "exit")) _exit(0);
    if (!strcmp(argv[1], "repeat") && argc > 3) return repeat(atoi(argv[2]), argv + 3);
    if (!strcmp(argv[1], "bare") && argc > 3) return bare(atoi(argv[2]), argv + 3);
    open_records();
    if (!strcmp(argv[1], "watch") && argc > 2) return watch(argv + 2);
    if (!strcmp(argv[1], "count")) return (void)atomic_fetch_add(&records->receivers, 1), 0;
    if (!strcmp(argv[1], "receive")) return receive(argc > 2);
    if (!strcmp(argv[1], "orphans") && argc > 3) return orphans(atoi(argv[2]), atoi(argv[3]));
    return 2;
}
