using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Vast;

/// <summary>A volume that a rental asks for, with <c>volume_info</c> or the docker option <c>-v V.123:/data</c>.</summary>
/// <param name="VolumeId">A volume, or the offer of one that is to be made.</param>
/// <param name="CreateNew">Whether it is to be made.</param>
/// <param name="MountPath">Folder of the instance where it is seen.</param>
/// <param name="SizeGb">Of a new one.</param>
/// <param name="Label">Of a new one.</param>
internal sealed partial record VolumeRequest(long VolumeId, bool CreateNew, string MountPath, double SizeGb, string? Label)
{
    private const double SizeGbDefault = 15;
    private const int PathMax = 256;

    // What the cloud itself mounts or the system keeps its programs in.
    private static readonly string[] Reserved = ["proc", "sys", "dev", "run", "usr", "etc", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "var"];

    /// <exception cref="BadRequestException">A value that makes no sense.</exception>
    public static IReadOnlyList<VolumeRequest> Parse(JsonNode? volumeInfo, IReadOnlyList<KeyValuePair<string, string>> env)
    {
        var requests = env.Select(pair => MountOption().Match(pair.Key)).Where(match => match.Success)
            .Select(match => new VolumeRequest(
                long.Parse(match.Groups["id"].Value, CultureInfo.InvariantCulture), false, CheckPath(match.Groups["path"].Value), SizeGbDefault, null))
            .ToList();
        if (volumeInfo is not null)
        {
            requests.Add(ParseObject(volumeInfo as JsonObject ?? throw new BadRequestException("volume_info is not an object")));
        }

        return requests.Select(request => request.MountPath).Distinct().Count() == requests.Count
            ? requests
            : throw new BadRequestException("two volumes have the same mount path");
    }

    private static VolumeRequest ParseObject(JsonObject info)
    {
        var id = info.Number("volume_id") ?? throw new BadRequestException("volume_info has no volume_id");
        return new VolumeRequest((long)id, info.Flag("create_new") ?? false, CheckPath(info.Text("mount_path") ?? "/data"), info.Number("size") ?? SizeGbDefault, info.Text("name"));
    }

    private static string CheckPath(string path)
    {
        var names = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        var isFolder = path.StartsWith('/') && path.Length <= PathMax && names.Length > 0 && !names.Contains("..") && !names.Contains(".")
            && !path.Any(char.IsControl) && !Reserved.Contains(names[0]);
        return isFolder ? "/" + string.Join('/', names) : throw new BadRequestException($"'{path}' is not a path where a volume can be mounted");
    }

    [GeneratedRegex(@"^(?:-v|--volume)\s+V\.(?<id>\d{1,18}):(?<path>/[^:]+)$")]
    private static partial Regex MountOption();
}
