/* Sends every byte back, with libevent's events (not its buffers, which cost more). */

/* For accept4. */
#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char buffer[64 * 1024];

struct connection {
    struct event *readable;
    struct event *writable;
    char *unsent;
    size_t unsent_length;
};

static void end(struct connection *connection)
{
    evutil_socket_t fd = event_get_fd(connection->readable);
    event_free(connection->readable);
    event_free(connection->writable);
    close(fd);
    free(connection->unsent);
    free(connection);
}

/* Sends what it can. Answers how much that was, or -1 when the peer has gone. */
static ssize_t send_some(evutil_socket_t fd, const char *bytes, size_t length)
{
    ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
    return sent < 0 && errno == EAGAIN ? 0 : sent;
}

static void on_writable(evutil_socket_t fd, short events, void *argument)
{
    struct connection *connection = argument;
    ssize_t sent = send_some(fd, connection->unsent, connection->unsent_length);
    (void)events;
    if (sent < 0) {
        end(connection);
        return;
    }
    connection->unsent_length -= sent;
    memmove(connection->unsent, connection->unsent + sent, connection->unsent_length);
    if (connection->unsent_length == 0) {
        free(connection->unsent);
        connection->unsent = NULL;
        event_del(connection->writable);
        event_add(connection->readable, NULL);
    }
}

static void on_readable(evutil_socket_t fd, short events, void *argument)
{
    struct connection *connection = argument;
    ssize_t received = recv(fd, buffer, sizeof buffer, 0);
    (void)events;
    if (received < 0 && errno == EAGAIN)
        return;
    ssize_t sent = received <= 0 ? -1 : send_some(fd, buffer, received);
    if (sent < 0) {
        end(connection);
    } else if (sent < received) {
        connection->unsent_length = received - sent;
        connection->unsent = malloc(connection->unsent_length);
        if (connection->unsent == NULL)
            abort();
        memcpy(connection->unsent, buffer + sent, connection->unsent_length);
        event_del(connection->readable);
        event_add(connection->writable, NULL);
    }
}

static void on_accept(evutil_socket_t listener, short events, void *argument)
{
    int fd;
    (void)events;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        int yes = 1;
        struct connection *connection = calloc(1, sizeof *connection);
        if (connection == NULL)
            abort();
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        connection->readable = event_new(argument, fd, EV_READ | EV_PERSIST, on_readable, connection);
        connection->writable = event_new(argument, fd, EV_WRITE | EV_PERSIST, on_writable, connection);
        event_add(connection->readable, NULL);
    }
}

int main(int count, char **arguments)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct event_base *base = event_base_new();
    char *port = count > 1 ? strrchr(arguments[1], ':') : NULL;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port ? atoi(port + 1) : 0);
    if (base == NULL || bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 1024) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0) {
        perror("libevent_echo");
        return 1;
    }
    printf("libevent_echo: listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    event_add(event_new(base, listener, EV_READ | EV_PERSIST, on_accept, base), NULL);
    return event_base_dispatch(base);
}
