using System.Globalization;
using System.Xml.Linq;

namespace Dumont.LocalCloud.S3;

/// <summary>The account's buckets, and what is set on one.</summary>
internal sealed class BucketCalls(BucketShelf shelf, string region)
{
    private const int DeletesMax = 1000;
    private const string OwnerId = "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a";

    // What a bucket has not got unless somebody sets it, and what S3 answers then.
    private static readonly Dictionary<string, S3Error> Unset = new(StringComparer.Ordinal)
    {
        ["policy"] = new(404, "NoSuchBucketPolicy", "The bucket policy does not exist"),
        ["tagging"] = new(404, "NoSuchTagSet", "The TagSet does not exist"),
        ["cors"] = new(404, "NoSuchCORSConfiguration", "The CORS configuration does not exist"),
        ["lifecycle"] = new(404, "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"),
        ["website"] = new(404, "NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration"),
        ["encryption"] = new(404, "ServerSideEncryptionConfigurationNotFoundError", "The server side encryption configuration was not found"),
        ["replication"] = new(404, "ReplicationConfigurationNotFoundError", "The replication configuration was not found"),
        ["object-lock"] = new(404, "ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket"),
        ["publicAccessBlock"] = new(404, "NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found"),
        ["ownershipControls"] = new(404, "OwnershipControlsNotFoundError", "The bucket ownership controls were not found"),
    };

    // What every bucket has, in the state of one that nobody touched.
    private static readonly Dictionary<string, string> Plain = new(StringComparer.Ordinal)
    {
        ["versioning"] = "VersioningConfiguration",
        ["logging"] = "BucketLoggingStatus",
        ["notification"] = "NotificationConfiguration",
        ["accelerate"] = "AccelerateConfiguration",
    };

    public static XElement Owner(string element) => S3Answer.Element(element, S3Answer.Element("ID", OwnerId), S3Answer.Element("DisplayName", "dumont"));

    public Task ListAsync(S3Request request) => S3Answer.WriteAsync(request, S3Answer.Element(
        "ListAllMyBucketsResult",
        Owner("Owner"),
        S3Answer.Element("Buckets", shelf.List().Select(bucket => S3Answer.Element(
            "Bucket", S3Answer.Element("Name", bucket.Name), S3Answer.Element("CreationDate", S3Answer.Time(bucket.CreatedAt)))))));

    public async Task CreateAsync(S3Request request, S3Caller caller)
    {
        if (request.Http.Request.ContentLength > 0)
        {
            var wanted = (await BodyReceiver.ReadXmlAsync(request, caller)).Elements().FirstOrDefault(element => element.Name.LocalName == "LocationConstraint")?.Value;
            if (wanted is { Length: > 0 } && wanted != region)
            {
                throw new S3Exception(new S3Error(400, "IllegalLocationConstraintException", $"The {wanted} location constraint is incompatible for the region specific endpoint this request was sent to."));
            }
        }

        shelf.Create(request.Bucket);
        request.Http.Response.Headers.Location = "/" + request.Bucket;
    }

    public Task HeadAsync(S3Request request)
    {
        shelf.Get(request.Bucket);
        request.Http.Response.Headers["x-amz-bucket-region"] = region;
        return Task.CompletedTask;
    }

    public Task DeleteAsync(S3Request request)
    {
        shelf.Remove(request.Bucket);
        request.Http.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }

    /// <summary>Answers a question about a setting, or null where the request asks for none.</summary>
    public Task? FindSetting(S3Request request)
    {
        if (Unset.FirstOrDefault(pair => request.Has(pair.Key)) is { Value: { } error })
        {
            shelf.Get(request.Bucket);
            throw new S3Exception(error);
        }

        if (Plain.FirstOrDefault(pair => request.Has(pair.Key)) is { Value: { } document })
        {
            shelf.Get(request.Bucket);
            return S3Answer.WriteAsync(request, S3Answer.Element(document));
        }

        if (request.Has("location"))
        {
            shelf.Get(request.Bucket);
            // The oldest region has no name here.
            return S3Answer.WriteAsync(request, S3Answer.Element("LocationConstraint", region == "us-east-1" ? null : region));
        }

        if (request.Has("requestPayment"))
        {
            shelf.Get(request.Bucket);
            return S3Answer.WriteAsync(request, S3Answer.Element("RequestPaymentConfiguration", S3Answer.Element("Payer", "BucketOwner")));
        }

        return request.Has("acl") ? AclAsync(request) : null;
    }

    /// <summary>Who may do what: the owner everything, nobody else anything.</summary>
    public Task AclAsync(S3Request request)
    {
        var bucket = shelf.Get(request.Bucket);
        if (request.Key.Length > 0 && bucket.Find(request.Key) is null)
        {
            throw new S3Exception(S3Error.NoSuchKey);
        }

        XNamespace instance = "http://www.w3.org/2001/XMLSchema-instance";
        var grantee = Owner("Grantee");
        grantee.Add(new XAttribute(XNamespace.Xmlns + "xsi", instance), new XAttribute(instance + "type", "CanonicalUser"));
        return S3Answer.WriteAsync(request, S3Answer.Element(
            "AccessControlPolicy",
            Owner("Owner"),
            S3Answer.Element("AccessControlList", S3Answer.Element("Grant", grantee, S3Answer.Element("Permission", "FULL_CONTROL")))));
    }

    public async Task DeleteManyAsync(S3Request request, S3Caller caller)
    {
        var bucket = shelf.Get(request.Bucket);
        var document = await BodyReceiver.ReadXmlAsync(request, caller);
        var objects = document.Elements().Where(element => element.Name.LocalName == "Object").ToList();
        if (objects.Count is 0 or > DeletesMax)
        {
            throw new S3Exception(S3Error.MalformedXml);
        }

        var isQuiet = document.Elements().Any(element => element.Name.LocalName == "Quiet" && bool.TryParse(element.Value, out var quiet) && quiet);
        var results = new List<XElement>();
        foreach (var item in objects)
        {
            var key = item.Elements().FirstOrDefault(element => element.Name.LocalName == "Key")?.Value ?? throw new S3Exception(S3Error.MalformedXml);
            if (item.Elements().Any(element => element.Name.LocalName == "VersionId" && element.Value is not ("" or "null")))
            {
                results.Add(S3Answer.Element("Error", S3Answer.Element("Key", key), S3Answer.Element("Code", "NotImplemented"), S3Answer.Element("Message", "not supported: versions")));
                continue;
            }

            bucket.Delete(key);
            if (!isQuiet)
            {
                results.Add(S3Answer.Element("Deleted", S3Answer.Element("Key", key)));
            }
        }

        await S3Answer.WriteAsync(request, S3Answer.Element("DeleteResult", results));
    }

    public Task ListUploadsAsync(S3Request request)
    {
        var bucket = shelf.Get(request.Bucket);
        var prefix = request.Query("prefix") ?? "";
        var most = request.Number("max-uploads", 1000, 1, 1000);
        var (keyMarker, idMarker) = (request.Query("key-marker") ?? "", request.Query("upload-id-marker") ?? "");
        var all = bucket.Uploads().Where(upload => upload.Key.StartsWith(prefix, StringComparison.Ordinal))
            .Where(upload => KeyOrder.Instance.Compare(upload.Key, keyMarker) > 0
                || (upload.Key == keyMarker && idMarker.Length > 0 && string.CompareOrdinal(upload.Id, idMarker) > 0))
            .OrderBy(upload => upload.Key, KeyOrder.Instance).ThenBy(upload => upload.Id, StringComparer.Ordinal).ToList();
        var page = all.Take(most).ToList();
        var isTruncated = all.Count > page.Count;
        return S3Answer.WriteAsync(request, S3Answer.Element(
            "ListMultipartUploadsResult",
            S3Answer.Element("Bucket", bucket.Name),
            S3Answer.Element("KeyMarker", keyMarker),
            S3Answer.Element("UploadIdMarker", idMarker),
            isTruncated ? S3Answer.Element("NextKeyMarker", page[^1].Key) : null,
            isTruncated ? S3Answer.Element("NextUploadIdMarker", page[^1].Id) : null,
            S3Answer.Element("Prefix", prefix),
            S3Answer.Element("MaxUploads", most.ToString(CultureInfo.InvariantCulture)),
            S3Answer.Element("IsTruncated", isTruncated),
            page.Select(upload => S3Answer.Element(
                "Upload",
                S3Answer.Element("Key", upload.Key),
                S3Answer.Element("UploadId", upload.Id),
                Owner("Initiator"),
                Owner("Owner"),
                S3Answer.Element("StorageClass", "STANDARD"),
                S3Answer.Element("Initiated", S3Answer.Time(upload.BegunAt))))));
    }
}
