using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;

namespace Dumont.Agent.Flush;

/// <summary>Decides when a flush may return to who called it.</summary>
internal interface IFlushGate
{
    /// <summary>The workspace of the role in force.</summary>
    string Workspace { get; }

    /// <summary>Ends when the promise of the role in force is kept for <paramref name="subject"/>.</summary>
    Task PassAsync(FlushSubject subject, CancellationToken cancellationToken);
}

/// <summary>Listens to the flushes of all supervised sessions and lets each go when the gate does. A session's <c>dumont-agent session</c> brings its listening
/// end by a Unix socket.</summary>
internal sealed class FlushSupervisor(string stateDirectory, IFlushGate gate, FlushSubjects subjects, AgentLog log)
{
    private const int PollMilliseconds = 200;
    private static readonly TimeSpan GreetingTimeout = TimeSpan.FromSeconds(5);

    /// <summary>Path of the socket: in a directory that only root may enter.</summary>
    public static string SocketPath(string stateDirectory) => Path.Combine(stateDirectory, "flush.sock");

    /// <summary>Runs until cancelled. A flush that is held then fails with <c>ENOSYS</c>, and so does every later one of the same session.</summary>
    /// <exception cref="SocketException">The socket cannot be made.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var path = SocketPath(stateDirectory);
        File.Delete(path);
        using var listening = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listening.Bind(new UnixDomainSocketEndPoint(path));
        listening.Listen();
        var sessions = new List<Task>();
        try
        {
            while (true)
            {
                var socket = await listening.AcceptAsync(cancellationToken);
                sessions.RemoveAll(static session => session.IsCompleted);
                sessions.Add(Task.Run(() => ServeAsync(socket, cancellationToken), CancellationToken.None));
            }
        }
        finally
        {
            File.Delete(path);
            await Task.WhenAll(sessions);
        }
    }

    private async Task ServeAsync(Socket socket, CancellationToken cancellationToken)
    {
        using (socket)
        {
            socket.Blocking = true;
            if (!socket.Poll(GreetingTimeout, SelectMode.SelectRead) || DescriptorSocket.Receive(socket) is not { } handle)
            {
                log.Warn("flush.session_refused");
                return;
            }

            var listening = ListenAsync(handle, cancellationToken);
            try
            {
                // The session begins only now: from its first call on somebody answers.
                await socket.SendAsync(new byte[1], CancellationToken.None);
            }
            catch (SocketException)
            {
                // It has ended already, and the listening with it.
            }

            await listening;
        }
    }

    private async Task ListenAsync(SafeFileHandle handle, CancellationToken cancellationToken)
    {
        using var listener = new FlushListener(handle);
        var held = new List<Task>();
        await Task.Factory.StartNew(Listen, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        await Task.WhenAll(held).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

        void Listen()
        {
            var ended = false;
            while (!ended && !cancellationToken.IsCancellationRequested)
            {
                if (listener.Receive(PollMilliseconds, out ended) is { } flush)
                {
                    held.RemoveAll(static answer => answer.IsCompleted);
                    held.Add(AnswerAsync(listener, flush, cancellationToken));
                }
            }
        }
    }

    private async Task AnswerAsync(FlushListener listener, HeldFlush flush, CancellationToken cancellationToken)
    {
        // Off the listening thread, which other flushes wait for.
        await Task.Yield();
        try
        {
            FlushSubject before;
            var subject = subjects.Find(flush, gate.Workspace);
            do
            {
                before = subject;
                await gate.PassAsync(subject, cancellationToken);

                // It may have been renamed meanwhile: then what it is called now has to be there.
                subject = subjects.Find(flush, gate.Workspace);
            }
            while (listener.IsHeld(flush) && !subject.IsSame(before));

            listener.LetGo(flush);
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            // It stays held: that it is safe cannot be said.
            log.Warn("flush.failed", ("reason", failed.Message));
        }
    }
}
