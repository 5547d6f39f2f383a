using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Dumont.Snapshots;
using Microsoft.Win32.SafeHandles;

namespace Dumont.Agent.Flush;

/// <summary>
/// What the forced command of a user's key runs: puts itself under supervision and becomes the shell, or the command, that the user
/// asked for. No byte of what the user asked for is interpreted here; the shell gets it as one argument, as from sshd.
/// </summary>
internal static unsafe class SessionLauncher
{
    private const string FallbackShell = "/bin/sh";
    private const string InternalSftp = "internal-sftp";
    private static readonly string[] SftpServers = ["/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/lib/ssh/sftp-server"];

    /// <summary>Does not return when all goes well.</summary>
    /// <param name="stateDirectory">Of the resident agent.</param>
    /// <param name="shell">The user's; null takes <c>/bin/sh</c>.</param>
    /// <param name="command">What was asked for; null is a login.</param>
    /// <exception cref="IOException">The shell cannot be started, or the agent ended at this moment.</exception>
    public static void Become(string stateDirectory, string? shell, string? command)
    {
        Supervise(stateDirectory);
        var program = string.IsNullOrEmpty(shell) ? FallbackShell : shell;
        string[] arguments = command is null ? ["-" + Path.GetFileName(program)] : [Path.GetFileName(program), "-c", Resolve(command)];

        // The runtime ignores it, and what is ignored stays so in the next program.
        Native.Signal(Native.SIGPIPE, 0);
        Execute(program, arguments);
        throw new PosixException($"exec {program}", Marshal.GetLastPInvokeError());
    }

    /// <summary>sshd's own file transfer exists inside sshd only.</summary>
    internal static string Resolve(string command) =>
        command == InternalSftp || command.StartsWith(InternalSftp + " ", StringComparison.Ordinal)
            ? (SftpServers.FirstOrDefault(File.Exists) ?? SftpServers[0]) + command[InternalSftp.Length..]
            : command;

    // A session that nobody can supervise begins all the same, and says so: a machine that cannot be entered helps nobody. Once the filter is there
    // it cannot be taken back, and without a listener every flush would fail.
    private static void Supervise(string stateDirectory)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(FlushSupervisor.SocketPath(stateDirectory)));
            using var listener = SeccompFilter.Install();
            DescriptorSocket.Send(socket, listener);
        }
        catch (Exception failed) when (failed is PosixException or SocketException)
        {
            Warn($"dumont: what this session flushes is not waited for on the standby: {failed.Message}\n");
            return;
        }

        if (socket.Receive(new byte[1]) != 1)
        {
            throw new IOException("The agent does not listen to this session. Try again.");
        }
    }

    // Not by Console, which would meddle with the terminal.
    private static void Warn(string text)
    {
        using var error = new FileStream(new SafeFileHandle(2, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        error.Write(Encoding.UTF8.GetBytes(text));
    }

    private static void Execute(string program, string[] arguments)
    {
        var list = stackalloc byte*[arguments.Length + 1];
        for (var i = 0; i < arguments.Length; i++)
        {
            list[i] = (byte*)Marshal.StringToCoTaskMemUTF8(arguments[i]);
        }

        list[arguments.Length] = null;
        _ = Native.Execute((byte*)Marshal.StringToCoTaskMemUTF8(program), list);
    }
}
