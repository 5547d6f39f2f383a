using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.Cli.Grammar;
using Dumont.Cli.Output;
using Dumont.Cli.Session;

namespace Dumont.Cli.Actions;

/// <summary>Hands the terminal to the system's <c>ssh</c>, with the instance's pinned host key.</summary>
internal static class SshActions
{
    // A key that the server has just learnt takes a moment to reach the machine.
    private static readonly TimeSpan NewKeyTimeout = TimeSpan.FromSeconds(20);

    public static async Task<ExitCode> RunAsync(CommandContext context, CancellationToken cancellationToken)
    {
        await CommandRunner.ResolveLabelsAsync(context, cancellationToken);
        var isNewKey = await SshKey.EnsureRegisteredAsync(context, cancellationToken);
        var instance = await context.Session.SendAsync(ApiMethod.Get, context.Invocation.PathAndQuery, null, cancellationToken);
        var endpoint = Endpoint.Of(instance, context.Invocation.Positionals["instance_id"]);
        var knownHosts = Path.Combine(context.Session.Store.Folder, "known_hosts");
        Pin(knownHosts, endpoint);

        if (isNewKey)
        {
            await AwaitKeyAsync(context, endpoint, knownHosts, cancellationToken);
        }

        var arguments = Arguments(context, endpoint, knownHosts);
        arguments.AddRange(context.Invocation.Rest);
        if (context.Options.Curl)
        {
            context.Environment.Out.WriteLine("ssh " + string.Join(' ', arguments));
            return ExitCode.Ok;
        }

        // Ctrl-C belongs to the remote side from here on, so nothing is cancelled.
        return (ExitCode)await StartAsync(arguments, quiet: false, CancellationToken.None);
    }

    /// <summary>Words for the system's <c>ssh</c> up to the host.</summary>
    internal static List<string> Arguments(CommandContext context, Endpoint endpoint, string knownHosts) =>
    [
        "-i", SshKey.FileIn(context.Session.Store),
        "-o", "IdentitiesOnly=yes",
        "-o", "StrictHostKeyChecking=yes",
        "-o", $"UserKnownHostsFile=\"{knownHosts}\"",
        "-o", "GlobalKnownHostsFile=/dev/null",
        "-o", "UpdateHostKeys=no",
        "-o", "ConnectTimeout=15",
        "-o", "ServerAliveInterval=15",
        "-o", context.Options.Debug ? "LogLevel=DEBUG1" : "LogLevel=ERROR",
        "-p", endpoint.Port.ToString(CultureInfo.InvariantCulture),
        "-l", endpoint.User,
        "--", endpoint.Host,
    ];

    internal static async Task AwaitKeyAsync(CommandContext context, Endpoint endpoint, string knownHosts, CancellationToken cancellationToken)
    {
        var time = context.Environment.Time;
        var started = time.GetTimestamp();
        List<string> probe = ["-o", "BatchMode=yes", .. Arguments(context, endpoint, knownHosts), "true"];
        while (await StartAsync(probe, quiet: true, cancellationToken) != 0 && time.GetElapsedTime(started) < NewKeyTimeout)
        {
            context.Progress.Report("ssh key");
            await Task.Delay(TimeSpan.FromMilliseconds(500), time, cancellationToken);
        }

        context.Progress.End();
    }

    private static async Task<int> StartAsync(List<string> arguments, bool quiet, CancellationToken cancellationToken)
    {
        try
        {
            var start = new ProcessStartInfo("ssh", arguments)
            {
                RedirectStandardInput = quiet,
                RedirectStandardOutput = quiet,
                RedirectStandardError = quiet,
            };
            using var process = Process.Start(start)!;
            if (quiet)
            {
                process.StandardInput.Close();
            }

            await process.WaitForExitAsync(cancellationToken);
            return process.ExitCode;
        }
        catch (Win32Exception)
        {
            throw new CliException(
                ExitCode.Failure,
                new("ssh is not installed", "ssh não está instalado"),
                new("install the OpenSSH client: apt install openssh-client", "instale o cliente OpenSSH: apt install openssh-client"));
        }
    }

    // The server is the authority on host keys; the line of this endpoint is replaced, the others stay.
    internal static void Pin(string knownHosts, Endpoint endpoint)
    {
        var name = endpoint.Port == 22 ? endpoint.Host : string.Create(CultureInfo.InvariantCulture, $"[{endpoint.Host}]:{endpoint.Port}");
        var others = File.Exists(knownHosts)
            ? File.ReadAllLines(knownHosts).Where(l => l.Length > 0 && !l.StartsWith(name + " ", StringComparison.Ordinal))
            : [];
        TokenStore.Replace(knownHosts, string.Join('\n', others.Append($"{name} {endpoint.HostKey}")) + "\n");
    }

    /// <summary>Where an instance's SSH is. Checked, because it becomes part of a command line.</summary>
    internal sealed record Endpoint(string Host, int Port, string User, string HostKey)
    {
        public static Endpoint Of(JsonNode? instance, string id)
        {
            var host = CellFormat.Field(instance, "ssh_host")?.ToString();
            var port = CellFormat.NumberOf(CellFormat.Field(instance, "ssh_port"));
            var key = CellFormat.Field(instance, "ssh_host_key")?.ToString();
            var user = CellFormat.Field(instance, "ssh_user")?.ToString() ?? "root";
            if (string.IsNullOrEmpty(host) || port is null || string.IsNullOrEmpty(key))
            {
                var status = CellFormat.Field(instance, "status")?.ToString() ?? "?";
                throw new CliException(
                    ExitCode.Conflict,
                    new($"instance {id} cannot be reached by SSH yet: it is {status}", $"a instância {id} ainda não aceita SSH: está {status}"),
                    status == "paused" ? $"dumont instance resume {id}" : $"dumont instance get {id}");
            }

            var wellFormed = port is >= 1 and <= 65535
                && Uri.CheckHostName(host) != UriHostNameType.Unknown && host[0] != '-'
                && user.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.') && !user.StartsWith('-')
                && key.Split(' ') is [var type, var material] && type.All(IsKeyCharacter) && material.All(IsKeyCharacter);
            return wellFormed
                ? new Endpoint(host, (int)port.Value, user, key)
                : throw new CliException(ExitCode.Failure, new(
                    $"the server gave no usable SSH address for instance {id}", $"o servidor não deu um endereço SSH utilizável para a instância {id}"));
        }

        private static bool IsKeyCharacter(char c) => char.IsAsciiLetterOrDigit(c) || c is '+' or '/' or '=' or '-' or '.' or '@';
    }
}
