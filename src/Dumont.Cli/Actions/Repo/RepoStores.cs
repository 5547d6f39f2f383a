using Dumont.Snapshots;

namespace Dumont.Cli.Actions.Repo;

/// <summary>Opens the place that a command line names.</summary>
internal static class RepoStores
{
    private const string S3Scheme = "s3://";

    public static IObjectStore Open(CommandContext context)
    {
        var variables = context.Environment.Variables;
        var place = Keys.Text(context, "repo") ?? variables.GetValueOrDefault("DUMONT_REPO");
        if (string.IsNullOrEmpty(place))
        {
            throw new UsageException(
                new("no repository was named", "nenhum repositório foi indicado"),
                new("--repo /mnt/backup, --repo s3://bucket/prefix, or DUMONT_REPO", "--repo /mnt/backup, --repo s3://bucket/prefixo, ou DUMONT_REPO"));
        }

        if (!place.StartsWith(S3Scheme, StringComparison.Ordinal))
        {
            return new DirectoryObjectStore(Keys.Path(context, place));
        }

        throw new CliException(ExitCode.Failure, new("s3:// is not supported yet", "s3:// ainda não é suportado"));
    }
}
