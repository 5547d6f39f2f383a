using Dumont.Snapshots;

namespace Dumont.Cli.Actions.Repo;

/// <summary>The repository that a command works on, and what every such command does: find it, open it, turn its errors into messages.</summary>
internal sealed class RepoSession : IAsyncDisposable
{
    private readonly CommandContext _context;

    private RepoSession(CommandContext context, IObjectStore store)
    {
        _context = context;
        Store = store;
    }

    public IObjectStore Store { get; }

    /// <summary>Opened by <see cref="RunAsync"/>.</summary>
    public Repository Repository { get; private set; } = null!;

    /// <summary>Runs a command on an opened repository.</summary>
    public static Task<ExitCode> RunAsync(CommandContext context, Func<RepoSession, Task<ExitCode>> command, CancellationToken cancellationToken) =>
        RunOnStoreAsync(
            context,
            async session =>
            {
                session.Repository = await Repository.OpenAsync(session.Store, RepoSecrets.Find(context), cancellationToken);
                return await command(session);
            });

    /// <summary>Runs a command on the place where a repository is or will be.</summary>
    public static async Task<ExitCode> RunOnStoreAsync(CommandContext context, Func<RepoSession, Task<ExitCode>> command)
    {
        await using var session = new RepoSession(context, RepoStores.Open(context));
        try
        {
            return await command(session);
        }
        catch (RepositoryException e)
        {
            throw new CliException(CodeOf(e.Kind), e.Message);
        }
        catch (SnapshotFormatException e)
        {
            throw new CliException(ExitCode.Failure, e.Message, "dumont repo verify --read-data");
        }
        catch (ObjectStoreException e)
        {
            throw new CliException(e.Kind == ObjectStoreErrorKind.Denied ? ExitCode.Auth : ExitCode.Unavailable, e.Message);
        }
        catch (ArgumentException e)
        {
            throw new UsageException(e.Message);
        }
        finally
        {
            context.Progress.End();
        }
    }

    public async ValueTask DisposeAsync() => await Store.DisposeAsync();

    /// <summary>A key's text, or null.</summary>
    public string? Text(string key) => Keys.Text(_context, key);

    private static ExitCode CodeOf(RepositoryErrorKind kind) => kind switch
    {
        RepositoryErrorKind.NoRepository or RepositoryErrorKind.NoSnapshot or RepositoryErrorKind.NoSource => ExitCode.NotFound,
        RepositoryErrorKind.AlreadyExists or RepositoryErrorKind.Locked => ExitCode.Conflict,
        RepositoryErrorKind.KeyNeeded or RepositoryErrorKind.WrongKey => ExitCode.Auth,
        _ => ExitCode.Failure,
    };
}

/// <summary>Reads the keys that a command was given.</summary>
internal static class Keys
{
    public static string? Text(CommandContext context, string key) => context.Invocation.Members[key]?.ToString();

    public static bool Flag(CommandContext context, string key) => context.Invocation.Members[key]?.GetValue<bool>() ?? false;

    public static int Integer(CommandContext context, string key) => context.Invocation.Members[key] is { } value ? (int)value.GetValue<long>() : 0;

    public static IReadOnlyList<string> Texts(CommandContext context, string key) =>
        context.Invocation.Members[key] is System.Text.Json.Nodes.JsonArray list ? [.. list.Select(item => item!.ToString())] : [];

    /// <summary>A path as the user wrote it, with <c>~</c> for the home directory.</summary>
    public static string Path(CommandContext context, string path) =>
        path.StartsWith("~/", StringComparison.Ordinal) ? System.IO.Path.Combine(context.Environment.Home, path[2..]) : path;
}
