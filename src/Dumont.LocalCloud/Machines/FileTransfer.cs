using System.Diagnostics;

namespace Dumont.LocalCloud.Machines;

/// <summary>One end of a transfer: a folder or file inside a machine, or inside a folder of this computer that machines mount.</summary>
/// <param name="MachineKey">The machine, or null for a folder.</param>
/// <param name="Folder">That folder, or null for a machine.</param>
/// <param name="Path">Absolute path inside.</param>
internal sealed record TransferEnd(string? MachineKey, string? Folder, string Path);

/// <summary>Carries files from machine to machine as a stream of tar, packed and unpacked inside them: what a machine's root made of its
/// own files, links above all, leads nowhere outside. No shell sees a path.</summary>
internal sealed class FileTransfer(Sandbox sandbox)
{
    // Where a folder is seen by the short-lived machine that packs or unpacks it.
    private const string FolderMount = "/volume";
    private const int ErrorCharactersMax = 400;

    /// <summary>Copies as rsync does: a source path that ends in a slash is its contents, without one it is the thing itself.</summary>
    /// <param name="from">What is copied.</param>
    /// <param name="to">The folder that it comes into; it is made where it is not there.</param>
    /// <param name="cancellationToken">Ends the transfer; what has arrived stays.</param>
    /// <returns>Bytes that were carried.</returns>
    /// <exception cref="MachineException">One of the ends refused; the message is its own.</exception>
    public async Task<long> CopyAsync(TransferEnd from, TransferEnd to, CancellationToken cancellationToken)
    {
        await using var source = sandbox.Open(from.MachineKey, from.Folder, FolderMount);
        await using var target = sandbox.Open(to.MachineKey, to.Folder, FolderMount);
        var (folder, name) = Split(PathIn(from));
        var into = PathIn(to).TrimEnd('/') is { Length: > 0 } path ? path : "/";
        var made = await ShellCommand.RunAsync([.. target.Command, "/usr/bin/mkdir", "-p", "--", into], cancellationToken);
        if (made.ExitCode != 0)
        {
            throw new MachineException(Short(made.Error));
        }

        using var pack = ShellCommand.Start(
            [.. source.Command, "/usr/bin/tar", "--create", "--file=-", "--numeric-owner", "--one-file-system", $"--directory={folder}", "--", name], redirect: true);
        using var unpack = ShellCommand.Start(
            [.. target.Command, "/usr/bin/tar", "--extract", "--file=-", "--numeric-owner", "--preserve-permissions", $"--directory={into}"], redirect: true);
        try
        {
            return await PipeAsync(pack, unpack, cancellationToken);
        }
        finally
        {
            Kill(pack);
            Kill(unpack);
        }
    }

    private static async Task<long> PipeAsync(Process pack, Process unpack, CancellationToken cancellationToken)
    {
        pack.StandardInput.Close();
        var errors = Task.WhenAll(pack.StandardError.ReadToEndAsync(cancellationToken), unpack.StandardError.ReadToEndAsync(cancellationToken));
        var ignored = unpack.StandardOutput.ReadToEndAsync(cancellationToken);
        var bytes = 0L;
        try
        {
            var buffer = new byte[1 << 16];
            int read;
            while ((read = await pack.StandardOutput.BaseStream.ReadAsync(buffer, cancellationToken)) > 0)
            {
                await unpack.StandardInput.BaseStream.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
                bytes += read;
            }

            unpack.StandardInput.Close();
        }
        catch (IOException)
        {
            // The unpacking side has ended; its own words say why, and nobody takes what the other goes on to send.
            Kill(pack);
        }

        await Task.WhenAll(pack.WaitForExitAsync(cancellationToken), unpack.WaitForExitAsync(cancellationToken));
        var said = string.Concat(await errors);
        await ignored;
        // 1 says that a file changed while it was read, as files of a running machine do.
        return pack.ExitCode is 0 or 1 && unpack.ExitCode == 0 ? bytes : throw new MachineException(Short(said));
    }

    private static string PathIn(TransferEnd end) => end.Folder is null ? end.Path : FolderMount + end.Path;

    private static (string Folder, string Name) Split(string path)
    {
        if (path.EndsWith('/'))
        {
            return (path, ".");
        }

        var cut = path.LastIndexOf('/');
        return (cut == 0 ? "/" : path[..cut], path[(cut + 1)..]);
    }

    private static string Short(string text)
    {
        var line = text.Trim().ReplaceLineEndings(" ");
        return line.Length > ErrorCharactersMax ? line[..ErrorCharactersMax] : line;
    }

    private static void Kill(Process process)
    {
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
        }
    }
}
