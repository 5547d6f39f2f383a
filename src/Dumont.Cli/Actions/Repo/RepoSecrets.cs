using Dumont.Snapshots;

namespace Dumont.Cli.Actions.Repo;

/// <summary>Finds the password or key file of a repository. Never an argument: arguments are seen by everybody on the computer.</summary>
internal static class RepoSecrets
{
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>What the flags or the environment name; null: the repository is expected not to be encrypted.</summary>
    public static RepositorySecret? Find(CommandContext context)
    {
        var variables = context.Environment.Variables;
        if ((Keys.Text(context, "key_file") ?? variables.GetValueOrDefault("DUMONT_REPO_KEY_FILE")) is { Length: > 0 } keyFile)
        {
            return FromKeyFile(context, keyFile);
        }

        if ((Keys.Text(context, "password_file") ?? variables.GetValueOrDefault("DUMONT_REPO_PASSWORD_FILE")) is { Length: > 0 } passwordFile)
        {
            return FromPasswordFile(context, passwordFile);
        }

        return variables.GetValueOrDefault("DUMONT_REPO_PASSWORD") is { Length: > 0 } password ? RepositorySecret.FromPassword(password) : null;
    }

    /// <summary>For a new repository: a key file that is named and not there is made.</summary>
    public static RepositorySecret FindForInit(CommandContext context)
    {
        if ((Keys.Text(context, "key_file") ?? context.Environment.Variables.GetValueOrDefault("DUMONT_REPO_KEY_FILE")) is { Length: > 0 } file)
        {
            EnsureKeyFile(context, file);
        }

        return Find(context) ?? Ask(context) ?? throw new UsageException(
            new("give the new repository a key or a password", "dê ao repositório novo uma chave ou uma senha"),
            new("--key-file FILE makes one; --no-encryption if you want none", "--key-file ARQUIVO cria uma; --no-encryption se não quiser nenhuma"));
    }

    public static RepositorySecret FromKeyFile(CommandContext context, string file) => RepositorySecret.FromKeyFileText(Read(context, file));

    public static RepositorySecret FromPasswordFile(CommandContext context, string file) =>
        RepositorySecret.FromPassword(Read(context, file).TrimEnd('\n', '\r'));

    /// <summary>Makes a key file unless there is one.</summary>
    public static void EnsureKeyFile(CommandContext context, string file)
    {
        var path = Keys.Path(context, file);
        if (File.Exists(path))
        {
            return;
        }

        try
        {
            Durable.WriteAtomic(path, System.Text.Encoding.ASCII.GetBytes(RepositorySecret.CreateKeyFileText()), Private);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CliException(ExitCode.Failure, new($"the key file could not be written: {e.Message}", $"o arquivo de chave não pôde ser escrito: {e.Message}"));
        }

        context.Note(new(
            $"made {path}: keep a copy elsewhere, nobody can read the repository without it",
            $"criado {path}: guarde uma cópia em outro lugar, sem ele ninguém lê o repositório"));
    }

    private static string Read(CommandContext context, string file)
    {
        try
        {
            return File.ReadAllText(Keys.Path(context, file));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CliException(ExitCode.NotFound, new($"{file} cannot be read: {e.Message}", $"{file} não pode ser lido: {e.Message}"));
        }
    }

    private static RepositorySecret? Ask(CommandContext context)
    {
        if (!context.Environment.InputIsTerminal)
        {
            return null;
        }

        string? Once(Text question)
        {
            context.Environment.Error.Write(context.Say(question) + " ");
            context.Environment.Error.Flush();
            var answer = context.Environment.ReadSecret();
            context.Environment.Error.WriteLine();
            return answer;
        }

        var first = Once(new("password of the new repository:", "senha do repositório novo:"));
        if (string.IsNullOrEmpty(first))
        {
            return null;
        }

        return first == Once(new("again:", "de novo:"))
            ? RepositorySecret.FromPassword(first)
            : throw new UsageException(new("the two passwords differ", "as duas senhas diferem"));
    }
}
