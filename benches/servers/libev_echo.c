/* Sends every byte back, with libev. */

/* For accept4. */
#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <ev.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char buffer[64 * 1024];

struct connection {
    /* The first member, so that a pointer to it is one to the connection. */
    ev_io watcher;
    char *unsent;
    size_t unsent_length;
};

static void end(struct ev_loop *loop, struct connection *connection)
{
    ev_io_stop(loop, &connection->watcher);
    close(connection->watcher.fd);
    free(connection->unsent);
    free(connection);
}

static void watch(struct ev_loop *loop, struct connection *connection, int events)
{
    int fd = connection->watcher.fd;
    ev_io_stop(loop, &connection->watcher);
    ev_io_set(&connection->watcher, fd, events);
    ev_io_start(loop, &connection->watcher);
}

/* Sends what it can. Answers how much that was, or -1 when the peer has gone. */
static ssize_t send_some(int fd, const char *bytes, size_t length)
{
    ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
    return sent < 0 && errno == EAGAIN ? 0 : sent;
}

static void on_writable(struct ev_loop *loop, struct connection *connection)
{
    ssize_t sent = send_some(connection->watcher.fd, connection->unsent, connection->unsent_length);
    if (sent < 0) {
        end(loop, connection);
        return;
    }
    connection->unsent_length -= sent;
    memmove(connection->unsent, connection->unsent + sent, connection->unsent_length);
    if (connection->unsent_length == 0) {
        free(connection->unsent);
        connection->unsent = NULL;
        watch(loop, connection, EV_READ);
    }
}

static void on_readable(struct ev_loop *loop, struct connection *connection)
{
    ssize_t received = recv(connection->watcher.fd, buffer, sizeof buffer, 0);
    if (received < 0 && errno == EAGAIN)
        return;
    ssize_t sent = received <= 0 ? -1 : send_some(connection->watcher.fd, buffer, received);
    if (sent < 0) {
        end(loop, connection);
    } else if (sent < received) {
        connection->unsent_length = received - sent;
        connection->unsent = malloc(connection->unsent_length);
        if (connection->unsent == NULL)
            abort();
        memcpy(connection->unsent, buffer + sent, connection->unsent_length);
        watch(loop, connection, EV_WRITE);
    }
}

static void on_event(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct connection *connection = (struct connection *)watcher;
    if (events & EV_WRITE)
        on_writable(loop, connection);
    else
        on_readable(loop, connection);
}

static void on_accept(struct ev_loop *loop, ev_io *watcher, int events)
{
    int fd;
    (void)events;
    while ((fd = accept4(watcher->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        int yes = 1;
        struct connection *connection = calloc(1, sizeof *connection);
        if (connection == NULL)
            abort();
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        ev_io_init(&connection->watcher, on_event, fd, EV_READ);
        ev_io_start(loop, &connection->watcher);
    }
}

int main(int count, char **arguments)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct ev_loop *loop = ev_default_loop(0);
    ev_io acceptor;
    char *port = count > 1 ? strrchr(arguments[1], ':') : NULL;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port ? atoi(port + 1) : 0);
    if (loop == NULL || bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 1024) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0) {
        perror("libev_echo");
        return 1;
    }
    printf("libev_echo: listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    ev_io_init(&acceptor, on_accept, listener, EV_READ);
    ev_io_start(loop, &acceptor);
    ev_run(loop, 0);
    return 0;
}
