// What benches/compare measures with. It is linked statically and does next to nothing, so that the runner is what
// is seen. The processes note CLOCK_MONOTONIC times in nanoseconds into a file that they share, PROBE_FILE.

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

// comparison/probe.py reads this: keep both the same.
struct notes {
    int64_t start, end, reaped, zombies;
    _Atomic int32_t runner, status, receivers, pad;
    struct {
        _Atomic int64_t ready, told, ended;
        int64_t pid;
    } slot[SLOTS];
};

static struct notes *notes;

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void fail(const char *what) {
    perror(what);
    _exit(125);
}

static void open_notes(void) {
    const char *path = getenv("PROBE_FILE");
    int file = open(path ? path : "", O_RDWR | O_CLOEXEC);
    if (file < 0) fail("PROBE_FILE");
    notes = mmap(NULL, sizeof *notes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (notes == MAP_FAILED) fail("mmap");
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

// Runs a runner, and notes when it was started and when it had ended.
static int watch(char **command) {
    int status;
    notes->start = now();
    notes->runner = spawn(command);
    waitpid(notes->runner, &status, 0);
    notes->end = now();
    notes->status = status;
    return 0;
}

// Runs a command several times, its output thrown away, and prints how long each run took.
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

// A service: notes when it runs, when it is sent SIGTERM, and when it ends, at once or (stubborn) not at all.
static int receive(int stubborn) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int slot = atomic_fetch_add(&notes->receivers, 1);
    if (slot >= SLOTS) return 125;
    notes->slot[slot].pid = getpid();
    notes->slot[slot].ready = now();
    sigwaitinfo(&set, NULL);
    notes->slot[slot].told = now();
    while (stubborn) pause();
    notes->slot[slot].ended = now();
    _exit(0);
}

// The least that a runner can do: start, wait for SIGTERM, tell everyone, wait for everyone.
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

// Leaves only those PIDs in the list that are still there, as a process or as a zombie, and counts them.
static int still_there(pid_t *pids, int count) {
    int left = 0;
    for (int i = 0; i < count; i++)
        if (kill(pids[i], 0) == 0) pids[left++] = pids[i];
    return left;
}

// Makes orphans that end all at once, `batch` at a time, and notes how long it takes from there until the last is
// reaped; then as many one after the other, and notes how many of them were there, as zombies, at the worst.
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
        for (int left = batch; (left = still_there(pids, left)) > 0;) nanosleep(&moment, NULL);
        notes->reaped += now() - start;
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
            left = still_there(pids, left);
            if (left > notes->zombies) notes->zombies = left;
        }
        while (left == batch) left = still_there(pids, left);
    }
    while ((left = still_there(pids, left)) > 0) nanosleep(&moment, NULL);
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    if (!strcmp(argv[1], "end")) _exit(0);
    if (!strcmp(argv[1], "repeat") && argc > 3) return repeat(atoi(argv[2]), argv + 3);
    if (!strcmp(argv[1], "bare") && argc > 3) return bare(atoi(argv[2]), argv + 3);
    open_notes();
    if (!strcmp(argv[1], "watch") && argc > 2) return watch(argv + 2);
    if (!strcmp(argv[1], "count")) return (void)atomic_fetch_add(&notes->receivers, 1), 0;
    if (!strcmp(argv[1], "receive")) return receive(argc > 2);
    if (!strcmp(argv[1], "orphans") && argc > 3) return orphans(atoi(argv[2]), atoi(argv[3]));
    return 2;
}
