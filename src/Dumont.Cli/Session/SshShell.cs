using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using Dumont.Cli.Actions;
using Dumont.Cli.Grammar;

namespace Dumont.Cli.Session;

/// <summary>What a remote script wrote, and how it ended; 255 is ssh's own.</summary>
internal sealed record SshReply(int ExitCode, string Output)
{
    public bool IsGood => ExitCode == 0;
}

/// <summary>Runs our own scripts on the machine behind an instance's address, whichever that is at the moment. Nothing that a user gives becomes part of one.</summary>
internal sealed class SshShell
{
    private readonly CommandContext _context;
    private readonly SshActions.Endpoint _endpoint;
    private readonly string _knownHosts;

    private SshShell(CommandContext context, SshActions.Endpoint endpoint, string knownHosts) =>
        (_context, _endpoint, _knownHosts) = (context, endpoint, knownHosts);

    /// <summary>Makes sure that the machine knows our key.</summary>
    public static async Task<SshShell> OpenAsync(CommandContext context, string instanceId, CancellationToken cancellationToken)
    {
        var isNewKey = await SshKey.EnsureRegisteredAsync(context, cancellationToken);
        var instance = await context.Session.SendAsync(ApiMethod.Get, $"/api/v1/instances/{instanceId}", null, cancellationToken);
        var endpoint = SshActions.Endpoint.Of(instance, instanceId);
        var knownHosts = Path.Combine(context.Session.Store.Folder, "known_hosts");
        SshActions.Pin(knownHosts, endpoint);
        if (isNewKey)
        {
            await SshActions.AwaitKeyAsync(context, endpoint, knownHosts, cancellationToken);
        }

        return new SshShell(context, endpoint, knownHosts);
    }

    /// <summary>Runs a script to its end, at most for <paramref name="limit"/>.</summary>
    public async Task<SshReply> RunAsync(string script, TimeSpan limit, CancellationToken cancellationToken)
    {
        using var process = Start(script, connectSeconds: Math.Max(1, (int)Math.Min(limit.TotalSeconds, 15)));
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        ending.CancelAfter(limit);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(ending.Token);
            var error = process.StandardError.ReadToEndAsync(ending.Token);
            await process.WaitForExitAsync(ending.Token);
            await error;
            return new SshReply(process.ExitCode, (await output).TrimEnd('\n'));
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            cancellationToken.ThrowIfCancellationRequested();
            return new SshReply(255, "");
        }
    }

    /// <summary>The same, and it must succeed.</summary>
    /// <exception cref="CliException">It ended with another code than 0.</exception>
    public async Task<string> GetAsync(string script, TimeSpan limit, CancellationToken cancellationToken)
    {
        var reply = await RunAsync(script, limit, cancellationToken);
        return reply.IsGood ? reply.Output : throw new CliException(
            ExitCode.Failure,
            new($"a script on the instance ended with {reply.ExitCode}", $"um script na instância terminou com {reply.ExitCode}"),
            new("look at it with: dumont ssh", "veja com: dumont ssh"));
    }

    /// <summary>Starts a script that runs until its connection ends.</summary>
    public Process Start(string script, int connectSeconds = 15)
    {
        // The first mention of an option counts for ssh.
        List<string> words =
        [
            "-o", "BatchMode=yes", "-o", string.Create(CultureInfo.InvariantCulture, $"ConnectTimeout={connectSeconds}"), "-T",
            .. SshActions.Arguments(_context, _endpoint, _knownHosts), "bash -s",
        ];
        try
        {
            var process = Process.Start(new ProcessStartInfo("ssh", words)
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            Feed(process, script);
            return process;
        }
        catch (Win32Exception)
        {
            throw new CliException(
                ExitCode.Failure,
                new("ssh is not installed", "ssh não está instalado"),
                new("install the OpenSSH client: apt install openssh-client", "instale o cliente OpenSSH: apt install openssh-client"));
        }
    }

    /// <summary>Whether an sshd greets at the instance's address within <paramref name="limit"/>.</summary>
    public async Task<bool> GreetsAsync(TimeSpan limit, CancellationToken cancellationToken)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        ending.CancelAfter(limit);
        try
        {
            await socket.ConnectAsync(_endpoint.Host, _endpoint.Port, ending.Token);
            var banner = new byte[4];
            for (var read = 0; read < banner.Length;)
            {
                var count = await socket.ReceiveAsync(banner.AsMemory(read), ending.Token);
                if (count == 0)
                {
                    return false;
                }

                read += count;
            }

            return banner.AsSpan().SequenceEqual("SSH-"u8);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return false;
        }
    }

    private static void Feed(Process process, string script)
    {
        try
        {
            process.StandardInput.Write(script + "\n");
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It has ended already; its exit code says why.
        }
    }
}
